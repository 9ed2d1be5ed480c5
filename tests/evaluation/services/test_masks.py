"""What an export or a page holds leads from no code to an arm before two people unblinded the trial."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from annotation.models import Question
from evaluation.models import Answer, Arm, Score, Slot, Trial
from evaluation.reports.leaks import leak_report
from evaluation.reports.options import TableOptions
from evaluation.reports.study.data import from_trial
from evaluation.reports.study.raw_export import export_files
from evaluation.reports.tables import build_table
from evaluation.reports.trial_scores import analysis_seed
from evaluation.reports.unsafe_answers import unsafe_table
from evaluation.services.arms import CODE_LETTERS
from evaluation.services.freezing import freeze_trial
from evaluation.services.guesses import next_guess, record_guess
from evaluation.services.protocols import create_protocol, freeze_protocol
from evaluation.services.remarks import Remark, record_form
from evaluation.services.scoring import lock_trial, next_slot
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from evaluation.slot_design import keyed_random, plan_slots
from mammo.accounts.models import User
from tests.evaluation import scene
from tests.evaluation.pages.test_designing import client_of


@pytest.fixture
def locked(trial: Trial, rita: User) -> Trial:
    """The trial, scored and locked."""
    scene.score_all(trial)
    return lock_trial(trial, by_user=rita)


def unblind(trial: Trial, rita: User, stan: User) -> None:
    request_unblinding(trial, by_user=rita, reason="analysis is done")
    confirm_unblinding(trial, by_user=stan)
    trial.refresh_from_db()


def test_the_seed_and_the_names_lead_to_no_code(rita: User, june: User, sena: User) -> None:
    questions = scene.questions_of(rita, [june, sena], 1)
    trials = [scene.draft_trial(rita, questions, june, name=f"Trial {place}") for place in range(4)]
    arms = list(Arm.objects.filter(trial__in=trials).select_related("trial"))
    assert len(arms) == 12
    keys = [
        lambda arm: ("code", str(arm.trial_id), arm.name),
        lambda arm: ("code", str(arm.trial_id), str(arm.pk)),
        lambda arm: ("code", arm.name),
    ]
    # By chance one code of 6,840 fits; two would mean that the seed leads to it.
    for key in keys:
        fits = sum(
            "".join(keyed_random(arm.trial.seed, *key(arm)).sample(CODE_LETTERS, 3)) == arm.code
            for arm in arms
        )
        assert fits < 2


def test_the_seed_leads_to_no_order_of_the_arms(draft: Trial, rita: User) -> None:
    freeze_trial(draft, by_user=rita)
    arms = [str(pk) for pk in draft.arms.order_by("position").values_list("pk", flat=True)]
    questions = [str(pk) for pk in draft.trial_questions.order_by("position").values_list("pk", flat=True)]
    for rater in draft.raters.all():
        rng = keyed_random(draft.seed, "order", str(draft.pk), str(rater.user_id))
        keys = list(draft.aspects.values_list("key", flat=True))
        rng.sample(keys, len(keys))
        guessed = plan_slots(questions, arms, order=draft.order, sitting_slots=draft.sitting_slots, rng=rng)
        stored = Slot.objects.filter(rater=rater).order_by("position")
        pairs = [(str(slot.answer.question_id), str(slot.answer.arm_id)) for slot in stored]
        assert len(pairs) == 27
        assert pairs != [(slot.question, slot.arm) for slot in guessed]


def test_an_export_under_codes_holds_neither_the_seed_nor_an_arms_name(
    rita: User, june: User, sena: User, sol: User, stan: User, site: Any
) -> None:
    endpoint = {"endpoint": "correctness", "first": "MammoVLM", "second": "Junior doctor", "margin": "5"}
    protocol = create_protocol("Plan", site=site, by_user=rita, primary_endpoint=endpoint)
    draft = scene.draft_trial(rita, scene.questions_of(rita, [june, sena, sol]), june)
    Trial.objects.filter(pk=draft.pk).update(
        protocol=freeze_protocol(protocol, by_user=rita), seed=918273645546372819
    )
    draft.refresh_from_db()
    scene.answer_all(draft, rita, june)
    trial = scene.opened(draft, rita, [sena, sol])
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    masked = from_trial(trial, simulated=False)
    assert masked.facts["seed"] == analysis_seed(trial) < 2**32
    assert masked.facts["primary_endpoint"] == {"endpoint": "correctness", "margin": "5"}
    everything = b"\n".join(export_files(masked).values()).decode("latin-1")
    names = [arm.name for arm in trial.arms.all()]
    for told in (str(trial.seed), str(trial.seed % 2**32), str(trial.seed % 2**31), *names):
        assert told not in everything, told
    # The table on the page and the report from an export are computed with one seed.
    assert trial.seed % 2**32 != analysis_seed(trial)
    unblind(trial, rita, stan)
    named = from_trial(trial, simulated=False)
    assert named.facts["primary_endpoint"] == endpoint
    assert named.facts["seed"] == masked.facts["seed"]
    assert {row["arm"] for row in named.scores} == set(names)


def test_rows_of_a_masked_table_lead_to_no_arm(trial: Trial, rita: User, stan: User, sena: User) -> None:
    slot = next_slot(trial.raters.get(user=sena))
    record_form(slot, by_user=sena, values=scene.values(), remark=Remark(is_unsafe=True))
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    codes, ids = (
        set(trial.arms.values_list("code", flat=True)),
        {str(pk) for pk in trial.arms.values_list("pk", flat=True)},
    )
    table = build_table(1, TableOptions(trial))
    assert {row.key for row in table.rows} == codes
    assert {source["arm"] for source in table.sources} == codes
    assert {row.key for row in unsafe_table(trial).rows} == codes
    by_stratum = build_table(1, TableOptions(trial, by="density"))
    assert {row.key.partition(":")[0] for row in by_stratum.rows} == codes
    for key in sorted(codes):
        address = reverse("evaluation:trial-cell-rows", args=[trial.pk, 1])
        page = client_of(rita).get(address, {"row": key, "column": "correctness"}).content.decode()
        assert "18 rows stand behind this number." in page
        assert not [pk for pk in ids if pk in page]
        shown = [str(pk) for pk in Score.objects.values_list("pk", flat=True) if str(pk) in page]
        assert shown == [str(pk) for pk in Slot.objects.values_list("pk", flat=True) if str(pk) in page] == []
    # Each row of a cell is a score of the arm that the code stands for.
    for source in table.sources:
        score = Score.objects.select_related("slot__answer__arm").get(pk=source["score"])
        assert score.slot.answer.arm.code == source["arm"]
    unblind(trial, rita, stan)
    assert {row.key for row in build_table(1, TableOptions(trial)).rows} == ids


def ids_of(trial: Trial) -> dict[str, set[str]]:
    """Every id of the trial's rows, by kind."""
    of_trial: dict[str, Any] = {
        "trial": Trial.objects.filter(pk=trial.pk),
        "arm": trial.arms.all(),
        "answer": Answer.objects.filter(arm__trial=trial),
        "question": trial.trial_questions.all(),
        "asked": Question.objects.filter(trial_uses__trial=trial),
        "rater": trial.raters.all(),
        "slot": Slot.objects.filter(rater__trial=trial),
        "score": Score.objects.filter(slot__rater__trial=trial),
    }
    return {kind: {str(pk) for pk in rows.values_list("pk", flat=True)} for kind, rows in of_trial.items()}


def test_no_id_of_a_row_joins_a_masked_export_or_its_rows_with_another_list(
    locked: Trial, rita: User, stan: User, tmp_path: Path
) -> None:
    request = scene.approved_export(locked, rita, stan)
    for number, name in (("1", "t.csv"), ("unsafe", "u.csv")):
        out = str(tmp_path / name)
        call_command(
            "table", number, "--trial", locked.name, "--format", "csv", "--out", out, "--request", request
        )
    files = export_files(from_trial(locked, simulated=False))
    texts = {name: raw.decode("latin-1") for name, raw in files.items() if not name.endswith(".xlsx")}
    texts |= {path.name: path.read_text("utf-8-sig") for path in tmp_path.glob("*.csv")}
    assert {"scores.csv", "flags.csv", "leaks.json", "manifest.json", "t_rows.csv", "u_rows.csv"} <= set(
        texts
    )
    for kind, ids in ids_of(locked).items():
        assert ids, kind
        for name, text in texts.items():
            assert not [pk for pk in ids if pk in text or pk.replace("-", "") in text], (kind, name)
    header = texts["t_rows.csv"].splitlines()[0].split(",")
    assert header[:4] == ["arm", "aspect", "rater", "question"]


def test_what_raters_guessed_leads_to_no_code_of_a_doctor(
    rita: User, june: User, sena: User, sol: User, stan: User
) -> None:
    trial = scene.open_trial(rita, june, [sena, sol], guesses=9)
    scene.score_all(trial)
    for rater in trial.raters.select_related("user"):
        while (slot := next_guess(rater)) is not None:
            guess = "doctor" if slot.answer.arm.kind == Arm.Kind.HUMAN else "ai"
            record_guess(slot, guess, by_user=rater.user)
    lock_trial(trial, by_user=rita)
    masked = leak_report(trial)
    # The counts stand by code: an index of all doctors beside them would be that of one code.
    assert masked.groups == {}
    assert sum(row.guesses["doctor"] for row in masked.arms) > 0
    page = client_of(rita).get(reverse("evaluation:leaks", args=[trial.pk])).content.decode()
    assert "All doctors together" not in page
    unblind(trial, rita, stan)
    assert set(leak_report(trial).groups) == {"system", "human"}


def test_no_page_gives_a_designer_a_name_and_its_code(locked: Trial, rita: User, stan: User) -> None:
    client = client_of(rita)
    # "MammoVLM" is the name of the site too.
    arms = list(locked.arms.exclude(name="MammoVLM"))
    pages = ["trial", "design", "leaks", "unsafe", "protocol", "table-page", "exports"]
    arguments: dict[str, list[Any]] = {
        "protocol": [locked.protocol_id],
        "table-page": [locked.pk, 1],
        "exports": [],
    }
    seen = {}
    for name in pages:
        address = reverse(f"evaluation:{name}", args=arguments.get(name, [locked.pk]))
        answer = client.get(address)
        assert answer.status_code == 200, name
        text = answer.content.decode()
        seen[name] = (any(arm.name in text for arm in arms), any(f"{arm.code}<" in text for arm in arms))
        assert seen[name] != (True, True), name
    assert seen["trial"] == (True, False)
    assert seen["table-page"] == (False, True)
