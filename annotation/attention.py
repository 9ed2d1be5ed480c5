"""What campaigns need a person for, told on the home page."""

from collections.abc import Iterator

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation.models import Campaign
from mammo.accounts.models import User
from mammo.core.attention import Notice


def notices(user: User) -> Iterator[Notice]:
    """Open campaigns of a researcher's sites with questions that no model has answered yet."""
    if not user.has_role("researcher", "admin"):
        return
    lacking = Count("questions", filter=Q(questions__stage="new", questions__cleaned_by__isnull=False))
    campaigns = Campaign.objects.visible_to(user).filter(state="open").annotate(lacking=lacking)
    rows = campaigns.filter(lacking__gt=0).order_by("name").values_list("name", "lacking")
    for name, count in rows:
        text = ngettext(
            "%(campaign)s: %(n)s question lacks proposals",
            "%(campaign)s: %(n)s questions lack proposals",
            count,
        )
        yield Notice(
            text=text % {"campaign": name, "n": count},
            url=reverse("annotation:campaign-list"),
            label=_("Waits for proposals"),
        )
