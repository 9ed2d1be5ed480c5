"""A file of answers that names the checkpoint which wrote it: on the page, by command, in tables, against leaks."""

import io
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from evaluation.models import Arm, Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.study.data import from_trial
from evaluation.reports.study.sections import sections
from evaluation.reports.tables import build_table
from evaluation.services.arms import add_written_arm
from evaluation.services.freezing import design_document
from evaluation.services.scoring import lock_trial
from evaluation.services.trials import add_questions, create_trial
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from mammo.accounts.models import Site, User
from mammo.archive.models import Patient
from mammo.core.errors import UserError
from modeling.models import Checkpoint, Run, Snapshot
from tests.evaluation import scene

Make = Callable[..., Checkpoint]


@pytest.fixture
def checkpoint(site: Site, rita: User) -> Make:
    """Makes a checkpoint that was trained on these patients."""

    def make(*patients: Patient, of: Site = site, name: str = "a", **fields: Any) -> Checkpoint:
        snapshot = Snapshot.objects.create(site=of, name=f"{of.code} {name}")
        snapshot.patients.set(patients)
        run = Run.objects.create(site=of, stage="sft", snapshot=snapshot, by_user=rita)
        return Checkpoint.objects.create(run=run, folder=f"/runs/{name}", sha256=name * 64, **fields)

    return make


def answers(trial: Trial) -> list[dict[str, Any]]:
    return [
        {"question": q.position, "text": f"建议每年复查。（甲{q.position}）"}
        for q in trial.trial_questions.order_by("position")
    ]


def patient_at(trial: Trial, position: int) -> Patient:
    patient = trial.trial_questions.get(position=position).question.patient
    assert patient is not None
    return patient


def test_a_file_whose_checkpoint_was_trained_on_a_patient_of_the_trial_is_refused(
    draft: Trial, rita: User, checkpoint: Make
) -> None:
    trained = checkpoint(patient_at(draft, 4))
    with pytest.raises(
        UserError, match="question 4 of Questions: its patient is on the training side of arm"
    ):
        add_written_arm(draft, "Written", answers(draft), by_user=rita, kind="system", checkpoint=trained)
    assert not draft.arms.filter(name="Written").exists()
    # Without the name nobody would have noticed.
    add_written_arm(draft, "Unnamed", answers(draft), by_user=rita, kind="system")


def test_questions_that_join_later_are_held_against_the_checkpoint_of_a_file_too(
    draft: Trial, rita: User, checkpoint: Make
) -> None:
    again = create_trial("Again", protocol=draft.protocol, by_user=rita)
    asked = [row.question for row in draft.trial_questions.order_by("position")]
    add_questions(again, asked[:2], by_user=rita)
    writer = checkpoint(asked[4].patient)
    arm = add_written_arm(again, "Written", answers(again), by_user=rita, kind="system", checkpoint=writer)
    assert (arm.checkpoint, arm.spec["kind"], arm.answers.count()) == (writer, "file", 2)
    with pytest.raises(UserError, match="training side"):
        add_questions(again, [asked[4]], by_user=rita)
    add_questions(again, [asked[3]], by_user=rita)
    # The design's hash holds which checkpoint it was.
    assert [row["checkpoint"] for row in design_document(again)["arms"]] == ["a" * 64]


def test_a_reference_and_another_sites_checkpoint_are_refused(
    draft: Trial, rita: User, checkpoint: Make, other_site: Site
) -> None:
    with pytest.raises(UserError, match="only a system's answers"):
        add_written_arm(draft, "Written", answers(draft), by_user=rita, checkpoint=checkpoint())
    theirs = checkpoint(of=other_site, name="b")
    with pytest.raises(UserError, match="none of this id at the trial's site"):
        add_written_arm(draft, "Written", answers(draft), by_user=rita, kind="system", checkpoint=theirs)
    simulated = checkpoint(name="c", is_simulated=True)
    arm = add_written_arm(draft, "Written", answers(draft), by_user=rita, kind="system", checkpoint=simulated)
    assert arm.is_simulated


def test_the_page_takes_the_checkpoint_beside_the_file(draft: Trial, rita: User, checkpoint: Make) -> None:
    writer, client = checkpoint(), Client()
    client.force_login(rita)
    address = reverse("evaluation:design", args=[draft.pk])
    page = client.get(address).content.decode()
    assert page.count(f'<option value="{writer.pk}">') == 2
    text = "question,text\n" + "\n".join(f"{row['question']},{row['text']}" for row in answers(draft))
    form = {"do": "written", "name": "Written", "kind": "system", "checkpoint": str(writer.pk)}
    form |= {"idempotency_key": str(uuid.uuid4())}
    client.post(address, form | {"answers": SimpleUploadedFile("a.csv", text.encode())})
    assert Arm.objects.get(name="Written").checkpoint == writer
    assert str(writer) in client.get(address).content.decode().split('id="part-arms"')[1]
    form |= {"name": "Other", "checkpoint": str(uuid.uuid4()), "idempotency_key": str(uuid.uuid4())}
    file = SimpleUploadedFile("a.csv", text.encode())
    assert client.post(address, form | {"answers": file}).status_code == 404


def test_the_command_names_the_checkpoint_of_a_file_of_answers(
    draft: Trial, checkpoint: Make, tmp_path: Path
) -> None:
    trained, writer = checkpoint(patient_at(draft, 1)), checkpoint(name="b")
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"kind": "file", "path": str(tmp_path / "answers.jsonl")}))
    asked = ("answer", draft.name, "--system", str(spec), "--name", "Written")
    with pytest.raises(CommandError, match="training side"):
        call_command(*asked, "--checkpoint", trained.sha256[:12], stdout=io.StringIO())
    with pytest.raises(CommandError, match="0 checkpoints of the trial's site begin so"):
        call_command(*asked, "--checkpoint", "dddd", stdout=io.StringIO())
    call_command(*asked, "--checkpoint", "bbbb", stdout=io.StringIO())
    assert draft.arms.get(name="Written").checkpoint == writer
    spec.write_text(json.dumps({"kind": "transformers", "path": "/models/glm"}))
    with pytest.raises(CommandError, match="names who wrote a file of answers"):
        call_command(*asked, "--checkpoint", "bbbb", stdout=io.StringIO())


def test_the_checkpoint_stands_in_tables_and_report_after_the_unblinding_alone(
    draft: Trial, rita: User, sena: User, sol: User, stan: User, checkpoint: Make
) -> None:
    writer = checkpoint(name="e")
    add_written_arm(draft, "Written", answers(draft), by_user=rita, kind="system", checkpoint=writer)
    for rater in draft.raters.all():
        rater.delete()
    trial = scene.opened(draft, rita, [sena, sol])
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    masked = build_table(1, TableOptions(trial))
    assert "eeeeeeeeeeee" not in str(masked.as_json())
    assert "checkpoints" not in from_trial(trial, simulated=False).facts
    request_unblinding(trial, by_user=rita, reason="done")
    confirm_unblinding(trial, by_user=stan)
    trial.refresh_from_db()
    said = f"Checkpoints that answered or wrote the answers: Written: {writer}."
    assert said in build_table(1, TableOptions(trial)).notes
    rows = dict(sections(from_trial(trial, simulated=False))[0].grids[0].rows)
    assert rows["Checkpoints"] == f"Written: {writer}"
