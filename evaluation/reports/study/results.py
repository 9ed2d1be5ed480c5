"""What a page shows of a locked study: sections of its report, computed by the report's own functions.

What was computed is kept in this process by the data it was computed from, since a page's figures are downloaded next.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from evaluation.endpoint import hypothesis_name
from evaluation.models import Protocol, ReaderStudy, Trial
from evaluation.reports.plan import plan_of
from evaluation.reports.study import data as of_trial
from evaluation.reports.study import reader_data as of_readers
from evaluation.reports.study.parts import Grid, Picture, Section
from evaluation.reports.study.reader_sections import reader_results
from evaluation.reports.study.sections import results

# Studies whose results stay at hand; figures are large.
KEPT = 4


@dataclass(frozen=True)
class _Asked:
    """Data of a study, told apart by what they hold and the language of their words."""

    digest: str
    language: str
    found: of_trial.StudyData | of_readers.ReaderData = field(compare=False)


def results_of_trial(trial: Trial, *, simulated: bool) -> Sequence[Section]:
    """The primary endpoint, means, differences and agreement of a locked or unblinded trial, as in its report; before
    the unblinding arms stand under their codes.

    Raises:
        WrongStateError: the trial is not locked, or its design was altered.
        UserError: there is no score.
    """
    return _computed(_asked(of_trial.from_trial(trial, simulated=simulated, scores_alone=True)))


def results_of_reader_study(study: ReaderStudy, *, simulated: bool) -> Sequence[Section]:
    """The primary endpoint, the comparison of the conditions and the readers' rates of a locked reader study.

    Raises:
        WrongStateError: it is not locked, or its design was altered.
        UserError: there is no reading.
    """
    return _computed(_asked(of_readers.from_reader_study(study, simulated=simulated)))


def _asked(found: of_trial.StudyData | of_readers.ReaderData) -> _Asked:
    document = json.dumps(asdict(found), sort_keys=True, default=str).encode()
    return _Asked(hashlib.sha256(document).hexdigest(), get_language() or "en", found)


@lru_cache(maxsize=KEPT)
def _computed(asked: _Asked) -> Sequence[Section]:
    found = asked.found
    return tuple(results(found) if isinstance(found, of_trial.StudyData) else reader_results(found))


def picture_of(parts: Sequence[Section], name: str) -> Picture | None:
    """The figure of this name; None where there is none."""
    return next((picture for part in parts for picture in part.pictures if picture.name == name), None)


def planned_test(protocol: Protocol, measure_name: str) -> Grid | None:
    """The primary hypothesis as the protocol plans it, without the arms or conditions that it compares: before the
    unblinding they would be named beside codes. None where the protocol names no measure.

    Args:
        measure_name: name of the measure where it is an aspect; empty takes the measure as it is written.
    """
    plan = plan_of(protocol)
    endpoint = plan.endpoint
    if endpoint is None:
        return None
    rows = [
        [_("Measure"), measure_name or endpoint.measure],
        [_("Hypothesis"), hypothesis_name(endpoint.hypothesis)],
        *([[_("Margin"), f"{endpoint.margin:g}"]] if endpoint.margin is not None else []),
        [_("Alpha"), f"{plan.alpha:g}"],
    ]
    return Grid(_("The primary hypothesis, as planned in the protocol"), [_("Item"), _("Value")], rows)
