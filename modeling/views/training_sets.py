"""The page of a frozen training set: what is in it and how far its answers are borne out."""

import uuid
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from mammo.jobs.models import Job
from modeling.models import Run, Snapshot
from modeling.views.runs import user_of

FACTS = {"density": _("Density"), "birads": _("BI-RADS category"), "side": _("Side")}


@dataclass(frozen=True)
class FactLine:
    """One kind of fact of the card: how often it is stated, and how often the labels support it."""

    name: str | Promise
    stated: int
    supported: int

    @property
    def percent(self) -> float | None:
        """Supported of stated, in per cent; None where nothing is stated."""
        return 100 * self.supported / self.stated if self.stated else None


@login_required
@require_safe
def snapshot_page(request: HttpRequest, snapshot_id: uuid.UUID) -> HttpResponse:
    """One training set: counts, hash, its card, and the runs that trained on it."""
    user = user_of(request)
    rows = Snapshot.objects.visible_to(user).select_related("site", "split", "job", "by_user")
    snapshot = get_object_or_404(rows, pk=snapshot_id)
    card = snapshot.manifest.get("card") or {}
    lines = [FactLine(FACTS[name], **card["facts"][name]) for name in FACTS] if card else []
    total = FactLine(_("All"), sum(line.stated for line in lines), sum(line.supported for line in lines))
    context = {
        "snapshot": snapshot,
        "sees_job": snapshot.job is not None and Job.objects.visible_to(user).contains(snapshot.job),
        "counts": snapshot.manifest.get("counts", {}),
        "image": snapshot.manifest.get("image", {}),
        "card": card,
        "facts": [*lines, total] if lines else [],
        "out_of_place": card["views"] - card["views_in_place"] if card else 0,
        "runs": Run.objects.visible_to(user).filter(snapshot=snapshot).order_by("-created_at"),
    }
    return render(request, "modeling/snapshot.html", context)
