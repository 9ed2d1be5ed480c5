"""Labels as a person reads them: appended to the study's history, and in force from then on."""

from collections.abc import Mapping
from typing import Any, cast

from django.db import transaction
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.cleaning import clean_text
from mammo.archive.label_sources import FIELDS, labelled
from mammo.archive.models import LabelCorrection, Study
from mammo.core.choices import Birads, Density
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.core.versions import save_versioned

_CHOICES = {"density": Density.values, **dict.fromkeys(FIELDS[1:], Birads.values)}


def correct_labels(
    study: Study, labels: Mapping[str, str], *, reason: str, expected_version: int, by_user: User
) -> LabelCorrection:
    """State all four labels of a study; equal to those that stand, they are confirmed.

    Researchers read the reason: what identifies the patient is taken out of it, true days too.

    Raises:
        NotAllowedError: the account is no data manager of the site.
        UserError: a label is outside its choices, or no reason is given.
        WrongStateError: the patient withdrew.
        StaleVersionError: someone saved in between.
    """
    if not by_user.has_role("data_manager", site=study.site):
        raise NotAllowedError(_("only a data manager of the site corrects labels"))
    if study.patient.erased_at is not None:
        raise WrongStateError(_("this patient withdrew: her data was erased"))
    stated = {name: labels.get(name, "") for name in FIELDS}
    for name, value in stated.items():
        if value and value not in _CHOICES[name]:
            raise UserError(
                _("%(field)s: “%(value)s” is none of its choices") % {"field": name, "value": value}
            )
    if not reason.strip():
        raise UserError(_("reason: say what the labels rest on"))
    before = {name: getattr(study, name) for name in (*FIELDS, "label_source", "label_sources")}
    with transaction.atomic():
        save_versioned(
            study,
            expected_version=expected_version,
            changes={**labelled(study, stated, "person"), "birads_rule": "stated by a person"},
        )
        correction = LabelCorrection.objects.create(
            study=study,
            labels=cast("Any", stated),  # JSON inside an encrypted text
            before=cast("Any", before),
            reason=clean_text(reason.strip()[:300], study.patient.roster).text,
            by_user=by_user,
            replaces=study.label_corrections.filter(replaced_by=None).first(),
            is_simulated=study.is_simulated or by_user.is_simulated,
        )
        changed = sorted(name for name in FIELDS if stated[name] != before[name])
        audit.record("archive.labels_stated", by_user=by_user, on=study, site=study.site, changed=changed)
    return correction
