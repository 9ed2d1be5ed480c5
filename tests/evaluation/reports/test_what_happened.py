"""What left a study's plan stands in its report: arms left out, withdrawals, amendments."""

import uuid

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from evaluation.models import ReaderStudy, Trial
from evaluation.reports.study.data import from_folder, from_trial, to_folder
from evaluation.reports.study.reader_data import from_reader_study
from evaluation.reports.study.reader_sections import reader_sections
from evaluation.reports.study.sections import sections
from evaluation.services.amendments import amend_reader_study
from evaluation.services.arms import leave_out
from evaluation.services.reader_studies import lock_readings
from evaluation.services.readings import Assessment, next_reading, record_reading, withdraw_reader
from evaluation.services.scoring import lock_trial
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from tests.evaluation import reading_scene, scene


def left_out_of(data) -> list[list[str]]:  # type: ignore[no-untyped-def]
    parts = {part.title: part for part in sections(data)}
    grids = {grid.caption: grid for grid in parts["Flow of questions, answers and scores"].grids}
    return grids["Arms run and left out"].rows if "Arms run and left out" in grids else []


def test_an_arm_that_was_left_out_is_named_with_its_reason_after_the_unblinding(
    draft: Trial, rita: User, sena: User, sol: User, tmp_path
) -> None:
    leave_out(draft.arms.get(name="Untuned model"), "BLIP-2 answers in one word", by_user=rita)
    trial = scene.opened(draft, rita, [])
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    before = from_trial(Trial.objects.get(pk=trial.pk), simulated=False)
    assert left_out_of(before) == [["told after unblinding", "told after unblinding"]]
    assert "BLIP-2" not in str(sections(before))
    request_unblinding(trial, by_user=rita, reason="scoring is over")
    confirm_unblinding(trial, by_user=scene.person(trial.site, "Stan", "statistician"))
    data = from_trial(Trial.objects.get(pk=trial.pk), simulated=False)
    assert left_out_of(data) == [["Untuned model", "BLIP-2 answers in one word"]]
    for name, content in to_folder(data).items():
        (tmp_path / name).write_bytes(content)
    assert left_out_of(from_folder(tmp_path)) == left_out_of(data)


def test_a_trial_without_such_an_arm_has_no_table_of_them(trial: Trial, rita: User) -> None:
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    assert left_out_of(from_trial(Trial.objects.get(pk=trial.pk), simulated=False)) == []


@pytest.fixture
def opened(rita: User, june: User, sena: User) -> ReaderStudy:
    """A sequential study that June and Sena read."""
    return reading_scene.open_study(rita, [june, sena], 4, design="sequential")


def events_of(study: ReaderStudy) -> list[tuple[str, str]]:
    parts = {part.title: part for part in reader_sections(from_reader_study(study, simulated=False))}
    grid = next(g for g in parts["Design"].grids if g.caption.startswith("What happened"))
    return [(row[1], row[2]) for row in grid.rows]


def test_withdrawals_and_amendments_of_a_reader_study_are_events_of_its_report(
    opened: ReaderStudy, rita: User, june: User, sena: User
) -> None:
    read_all(opened, sena)
    withdraw_reader(opened.readers.get(user=june), "left the hospital", by_user=rita)
    amend_reader_study(opened, "read on one display", by_user=rita, reason="the other one failed")
    lock_readings(opened, by_user=rita, reason="a reader left")
    study = ReaderStudy.objects.get(pk=opened.pk)
    amend_reader_study(study, "one case was read twice", by_user=rita, reason="an error of the list")
    assert events_of(study) == [
        ("design frozen", "–"),
        ("scoring opened", "–"),
        ("a reader withdrew", "left the hospital"),
        ("amended", "read on one display; the other one failed"),
        ("scores locked", "a reader left"),
        ("amended", "one case was read twice; an error of the list"),
    ]
    assert june.username not in str(reader_sections(from_reader_study(study, simulated=False)))


def test_the_reader_studys_report_tells_the_protocols_rules_with_what_was_done(
    rita: User, june: User, sena: User
) -> None:
    rules = {"missing_scores": "left out, not filled in.", "withdrawn_raters": "all of theirs is left out"}
    study = reading_scene.open_study(rita, [june, sena], 4, design="sequential", protocol={"rules": rules})
    read_all(study, sena)
    # One of hers is of a patient who withdrew; he read one case and left.
    gone = study.cases.order_by("position").first().study.patient
    first = next_reading(study.readers.get(user=june))
    record_reading(first, Assessment("2", 10), by_user=june)
    withdraw_reader(study.readers.get(user=june), "left the hospital", by_user=rita)
    lock_readings(study, by_user=rita, reason="a reader left")
    type(gone).objects.filter(pk=gone.pk).update(erased_at=timezone.now())
    data = from_reader_study(ReaderStudy.objects.get(pk=study.pk), simulated=False)
    methods = reader_sections(data)[-1].paragraphs
    assert [text for text in methods if text.startswith("Rule of the protocol")] == [
        "Rule of the protocol for missing readings: left out, not filled in. Of 8 readings planned for readers who "
        "stayed, not analysed: 2; of patients who withdrew: 2.",
        "Rule of the protocol for readers who withdraw: all of theirs is left out. 1 reader withdrew; left out: 8 "
        "readings planned for them.",
        "Rule of the protocol for failed controls: not given. A reader study has no controls: nothing was left out "
        "for one.",
    ]
    with translation.override("zh-hans"):
        said = [text for text in reader_sections(data)[-1].paragraphs if text.startswith("方案中对")]
    assert said[0] == (
        "方案中对缺失阅片的处理规则：left out, not filled in。为未退出的阅片者计划了 8 次阅片，其中 2 次未纳入分析"
        "（含已退出患者的 2 次）。"
    )
    assert len(said) == 3
    # An export of an earlier version holds no rules: nothing is said of them.
    del data.facts["rules"]
    assert not [text for text in reader_sections(data)[-1].paragraphs if "Rule of the protocol" in text]


def read_all(study: ReaderStudy, user: User) -> None:
    """Every reading of one reader, in order."""
    reader = study.readers.get(user=user)
    slot = next_reading(reader)
    while slot is not None:
        given = Assessment("4A", 70) if slot.case.truth else Assessment("2", 10)
        record_reading(slot, given, by_user=user, seconds=10)
        slot = next_reading(reader)


def test_an_amendment_needs_words_a_sealed_design_and_a_researcher(
    opened: ReaderStudy, rita: User, june: User
) -> None:
    with pytest.raises(UserError, match="for the record"):
        amend_reader_study(opened, "x", by_user=rita, reason=" ")
    with pytest.raises(NotAllowedError):
        amend_reader_study(opened, "x", by_user=june, reason="y")
    draft = reading_scene.draft_study(rita, [june], 2, name="Draft")
    with pytest.raises(WrongStateError):
        amend_reader_study(draft, "x", by_user=rita, reason="y")


def test_the_page_records_an_amendment_and_a_withdrawal(opened: ReaderStudy, rita: User, june: User) -> None:
    client = Client()
    client.force_login(rita)
    address = reverse("evaluation:reader-study-step", args=[opened.pk])
    page = client.get(reverse("evaluation:reader-study", args=[opened.pk])).content.decode()
    assert 'value="amend"' in page
    assert 'value="withdraw"' in page
    reader = opened.readers.get(user=june)
    for data in (
        {"do": "amend", "text": "one display less", "reason": "broken"},
        {"do": "withdraw", "reader": str(reader.pk), "reason": "ill"},
    ):
        answer = client.post(address, data | {"idempotency_key": str(uuid.uuid4())})
        assert answer.status_code == 302
    page = client.get(reverse("evaluation:reader-study", args=[opened.pk])).content.decode()
    assert "amended" in page
    assert "one display less; broken" in page
    assert "a reader withdrew" in page
    reader.refresh_from_db()
    assert reader.withdrawn_at is not None
    assert f'<option value="{reader.pk}"' not in page
