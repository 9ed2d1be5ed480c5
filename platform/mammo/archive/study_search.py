"""The list of studies: what was asked for in the address, and one page of it by key (no offsets)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q, QuerySet

from mammo.accounts.models import Site, User
from mammo.archive.models import ImportItem, LabelCorrection, Report, SplitMembership, Study
from mammo.archive.pseudonyms import installation
from mammo.archive.report_reading.reading import DOUBTFUL_BELOW
from mammo.core.choices import Birads, Density

PER_PAGE = 50
# Patients whose ids one address holds: one number can be given out by several hospitals of an account.
MOST_FOUND = 20
# What a person should look at.
ATTENTION = ("doubtful", "quarantine", "incomplete", "unlabelled")
# Those whose condition looks at every report or file of the archive.
DEAR = ("doubtful", "quarantine")


@dataclass(frozen=True)
class StudySearch:
    """Choices of the list; empty strings choose nothing.

    All of them stand in addresses, which browsers and servers keep: `patient` holds ids, and `q` a pseudonym or its
    beginning. What a person types is turned into these by `address_of`, so that no hospital number gets there.
    """

    q: str = ""
    patient: str = ""
    site: str = ""
    density: str = ""
    birads: str = ""
    split: str = ""
    side: str = ""
    attention: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> StudySearch:
        """From the address; what is no choice is left out."""
        chosen = cls(**{item.name: asked.get(item.name, "").strip()[:120] for item in fields(cls)})
        return cls(
            q=chosen.q,
            patient=",".join(key for key in asked.get("patient", "").split(",")[:MOST_FOUND] if _is_key(key)),
            site=chosen.site if _is_key(chosen.site) else "",
            density=chosen.density if chosen.density in {*Density.values, "none"} else "",
            birads=chosen.birads if chosen.birads in {*Birads.values, "none"} else "",
            split=chosen.split if _is_key(chosen.split) else "",
            side=chosen.side if chosen.side in SplitMembership.Side.values else "",
            attention=chosen.attention if chosen.attention in ATTENTION else "",
        )

    def query(self) -> str:
        """The choices as they stand in an address."""
        return urlencode({item.name: value for item in fields(self) if (value := getattr(self, item.name))})

    def found_by(self, user: User) -> QuerySet[Study]:
        """Studies that match, of the account's sites; those of women who withdrew are not listed."""
        studies = Study.objects.readable_by(user).filter(patient__erased_at=None)
        if self.site:
            studies = studies.filter(site=uuid.UUID(self.site))
        for name, value in (("density", self.density), ("birads_overall", self.birads)):
            if value:
                studies = studies.filter(**{name: "" if value == "none" else value})
        if self.split:
            sides = SplitMembership.objects.filter(split=uuid.UUID(self.split), patient=OuterRef("patient"))
            studies = studies.filter(Exists(sides.filter(side=self.side) if self.side else sides))
        if self.patient:
            studies = studies.filter(patient__in=[uuid.UUID(key) for key in self.patient.split(",")])
        if self.q:
            studies = studies.filter(patient__pseudonym__istartswith=self.q)
        return studies.needing(self.attention) if self.attention else studies

    def address_of(self, typed: str, user: User) -> str | None:
        """The query of an address that lists what was typed besides the other choices; None: nobody is called so.

        By pseudonym; for a data manager also by hospital number or accession, of which only hashes are kept.
        """
        typed = typed.strip()[:120]
        if not typed:
            return replace(self, q="", patient="").query()
        pseudonyms, named = installation(), Q(pk__in=[])
        for site in Site.objects.filter(pk__in=user.sites_as("data_manager")):
            named |= Q(site=site, patient__number_hash=pseudonyms.number_hash(site.code, typed))
            named |= Q(site=site, accession_hash=pseudonyms.accession_hash(site.code, typed))
        visible = Study.objects.readable_by(user).filter(patient__erased_at=None)
        patients = list(visible.filter(named).values_list("patient", flat=True).distinct()[:MOST_FOUND])
        if patients:
            return replace(self, q="", patient=",".join(map(str, patients))).query()
        if visible.filter(patient__pseudonym__istartswith=typed).exists():
            return replace(self, q=typed, patient="").query()
        return None


@dataclass(frozen=True)
class StudyPage:
    """One page of the list and the key of the next."""

    rows: list[Study]
    next_key: str


def study_page(studies: QuerySet[Study], after: str = "") -> StudyPage:
    """The newest studies behind the key `after` (of the row last shown); no key, or a broken one: the first."""
    key = _parsed_key(after)
    if key is not None:
        made, last = key
        studies = studies.filter(Q(created_at__lt=made) | Q(created_at=made, pk__lt=last))
    ordered = studies.select_related("patient", "site").order_by("-created_at", "-pk")
    rows = list(ordered[: PER_PAGE + 1])
    shown = rows[:PER_PAGE]
    more = len(rows) > PER_PAGE
    return StudyPage(shown, f"{shown[-1].created_at.isoformat()}~{shown[-1].pk}" if more else "")


def counted_page(studies: QuerySet[Study], after: str = "", *, is_dear: bool) -> tuple[StudyPage, int]:
    """A page as `study_page` gives it, and how many studies there are.

    Args:
        is_dear: the condition looks at every report or file of the archive: it is asked once, for the keys of all
            studies that meet it, and the page is cut from them.
    """
    if not is_dear:
        return study_page(studies, after), studies.count()
    keys = list(studies.order_by("-created_at", "-pk").values_list("created_at", "pk"))
    last = _parsed_key(after)
    behind = keys if last is None else [key for key in keys if key < last]
    shown = [pk for _made, pk in behind[:PER_PAGE]]
    rows = Study.objects.filter(pk__in=shown).select_related("patient", "site").order_by("-created_at", "-pk")
    next_key = f"{behind[PER_PAGE - 1][0].isoformat()}~{shown[-1]}" if len(behind) > PER_PAGE else ""
    return StudyPage(list(rows), next_key), len(keys)


def doubtful_reports() -> QuerySet[Report]:
    """Reports in force whose reading a person should confirm, of the study in the outer query."""
    return Report.objects.filter(
        study=OuterRef("pk"), replaced_by=None, reading__confidence__lt=DOUBTFUL_BELOW
    )


def reports_that_may_name() -> QuerySet[Report]:
    """Reports in force that may hold a name, which nobody has read since, of the study in the outer query."""
    read_since = LabelCorrection.objects.filter(
        study=OuterRef("study"), created_at__gt=OuterRef("created_at")
    )
    return Report.objects.filter(
        Q(reading__found_later=True) | ~Exists(read_since),
        study=OuterRef("pk"),
        replaced_by=None,
        read_at=None,
        reading__may_hold_a_name=True,
    )


def quarantined_beside() -> QuerySet[ImportItem]:
    """Images of the study that came with a batch of which files still wait in quarantine."""
    waiting = ImportItem.objects.filter(batch=OuterRef("batch"), outcome="quarantined", resolved_at=None)
    return ImportItem.objects.filter(image__study=OuterRef("pk")).filter(Exists(waiting))


def _is_key(written: str) -> bool:
    try:
        uuid.UUID(written)
    except ValueError:
        return False
    return True


def _parsed_key(written: str) -> tuple[datetime, uuid.UUID] | None:
    made, _, key = written.partition("~")
    try:
        moment = datetime.fromisoformat(made)
        return (moment, uuid.UUID(key)) if moment.tzinfo else None
    except ValueError:
        return None
