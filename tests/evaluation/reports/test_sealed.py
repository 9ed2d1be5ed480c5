"""No table of what was altered after its freezing: neither the design, nor the truth, nor what the protocol said."""

from typing import Any

import pytest

from evaluation.models import Protocol, ReaderStudy, ReaderStudyCase, Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.tables import build_table
from evaluation.services.reader_studies import freeze_reader_study, lock_readings
from evaluation.services.scoring import lock_trial
from mammo.accounts.models import User
from mammo.core.errors import WrongStateError
from tests.evaluation import reading_scene, scene

pytestmark = pytest.mark.django_db

PROTOCOL = [
    {"alpha": 0.2},
    {"multiplicity": "none"},
    {"primary_endpoint": {"endpoint": "correctness", "first": "a", "second": "b", "margin": 20.0}},
    {"exclusions": "whoever spoils the result"},
]


def altered(protocol: Protocol, changes: dict[str, Any]) -> None:
    """Change a frozen protocol as an SQL statement would."""
    Protocol.objects.filter(pk=protocol.pk).update(**changes)


@pytest.mark.parametrize("changes", PROTOCOL, ids=lambda changes: next(iter(changes)))
def test_a_trials_altered_protocol_gives_no_table_and_no_lock(
    rita: User, june: User, sena: User, sol: User, changes: dict[str, Any]
) -> None:
    trial = scene.open_trial(rita, june, [sena, sol])
    scene.score_all(trial)
    altered(trial.protocol, changes)
    with pytest.raises(WrongStateError, match="the frozen protocol was altered"):
        lock_trial(Trial.objects.get(pk=trial.pk), by_user=rita)
    Protocol.objects.filter(pk=trial.protocol.pk).update(**as_frozen(trial.protocol, changes))
    locked = lock_trial(Trial.objects.get(pk=trial.pk), by_user=rita)
    assert build_table(1, TableOptions(locked)).rows
    altered(trial.protocol, changes)
    with pytest.raises(WrongStateError, match="the frozen protocol was altered"):
        build_table(1, TableOptions(Trial.objects.get(pk=trial.pk)))


def as_frozen(protocol: Protocol, changes: dict[str, Any]) -> dict[str, Any]:
    """What the protocol said of these fields before."""
    return {name: getattr(protocol, name) for name in changes}


def test_a_locked_reader_studys_altered_truth_or_protocol_gives_no_table(reader_study: ReaderStudy) -> None:
    assert table_of(reader_study).rows
    case = ReaderStudyCase.objects.filter(reader_study=reader_study).earliest("position")
    ReaderStudyCase.objects.filter(pk=case.pk).update(truth=not case.truth)
    with pytest.raises(WrongStateError, match="no longer has the hash"):
        table_of(reader_study)
    ReaderStudyCase.objects.filter(pk=case.pk).update(truth=case.truth)
    ReaderStudy.objects.filter(pk=reader_study.pk).update(operating_point="5")
    with pytest.raises(WrongStateError, match="no longer has the hash"):
        table_of(reader_study)
    ReaderStudy.objects.filter(pk=reader_study.pk).update(operating_point=reader_study.operating_point)
    assert table_of(reader_study).rows
    altered(reader_study.protocol, {"alpha": 0.2})
    with pytest.raises(WrongStateError, match="the frozen protocol was altered"):
        table_of(reader_study)


def table_of(study: ReaderStudy) -> Any:
    """Table 7 of what stands in the database now."""
    return build_table(7, TableOptions(reader_study=ReaderStudy.objects.get(pk=study.pk)))


def test_a_reader_study_on_an_altered_protocol_is_neither_frozen_nor_locked(rita: User, sena: User) -> None:
    draft = reading_scene.draft_study(rita, [sena])
    altered(draft.protocol, {"alpha": 0.2})
    with pytest.raises(WrongStateError, match="the frozen protocol was altered"):
        freeze_reader_study(ReaderStudy.objects.get(pk=draft.pk), by_user=rita)
    altered(draft.protocol, as_frozen(draft.protocol, {"alpha": 0.2}))
    reading_scene.opened(draft, rita)
    altered(draft.protocol, {"alpha": 0.2})
    with pytest.raises(WrongStateError, match="the frozen protocol was altered"):
        lock_readings(ReaderStudy.objects.get(pk=draft.pk), by_user=rita, reason="unread")
