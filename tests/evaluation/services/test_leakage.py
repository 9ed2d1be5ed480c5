"""Questions that an arm's checkpoint was trained on are refused, by patient and by question."""

from collections.abc import Callable
from importlib import import_module

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from annotation.models import Correction, Question, TrainingExport
from annotation.services.picks import pick
from annotation.services.splits import create_split
from evaluation.models import Trial, TrialEvent
from evaluation.services.arms import add_system_arm
from evaluation.services.leakage import lineage, normalised_wording, training_side
from evaluation.services.raters import trained_arm_codes
from evaluation.services.shared_wordings import SHARED, shared_in_report, wording_notes
from evaluation.services.trials import add_questions, create_trial, eligible_questions, sample_questions
from mammo.accounts.models import User
from mammo.archive.models import Patient, Split, SplitMembership
from mammo.core.errors import UserError
from mammo.jobs.models import Job
from mammo.jobs.services import submit
from modeling.models import Checkpoint, Run, Snapshot
from modeling.services import create_snapshot
from tests.annotation import scene as annotation_scene
from tests.evaluation import scene

Make = Callable[..., Checkpoint]


@pytest.fixture
def questions(rita: User, june: User, sena: User, sol: User) -> list[Question]:
    return scene.questions_of(rita, [june, sena, sol], 6)


@pytest.fixture
def checkpoint(rita: User) -> Make:
    """Makes a checkpoint trained on a snapshot of patients, with sides of a split where given."""

    def make(
        patients: list[Patient],
        *,
        tested: list[Patient] | None = None,
        validated: list[Patient] | None = None,
        starts_from: Checkpoint | None = None,
        export: TrainingExport | None = None,
        stage: str = "sft",
        name: str = "a",
    ) -> Checkpoint:
        site = rita.sites_as("researcher").get()
        split = Split.objects.create(site=site, name=name, purpose="sft")
        for side, members in (("test", tested or []), ("validation", validated or [])):
            for patient in members:
                SplitMembership.objects.create(split=split, patient=patient, side=side)
        snapshot = Snapshot.objects.create(site=site, name=name, split=split, export=export)
        snapshot.patients.set(patients)
        run = Run.objects.create(site=site, stage=stage, snapshot=snapshot, by_user=rita)
        if starts_from is not None:
            run.starts_from.add(starts_from)
        return Checkpoint.objects.create(run=run, folder=f"/runs/{name}", sha256=name * 64)

    return make


def trial_with(rita: User, checkpoint: Checkpoint):
    trial = create_trial("Leak", protocol=scene.frozen_protocol(rita), by_user=rita, seed=1)
    add_system_arm(trial, "Ours", by_user=rita, checkpoint=checkpoint)
    return trial


def test_a_training_patients_question_is_refused_and_a_test_patients_is_not(
    rita: User, questions: list[Question], checkpoint: Make
) -> None:
    trained, tested, validated = (question.patient for question in questions[:3])
    trial = trial_with(rita, checkpoint([trained, tested, validated], tested=[tested], validated=[validated]))
    for question in (questions[0], questions[2]):
        with pytest.raises(UserError, match="its patient is on the training side"):
            add_questions(trial, [questions[3], question], by_user=rita)
    assert not trial.trial_questions.exists()
    assert len(add_questions(trial, [questions[1], questions[3]], by_user=rita)) == 2


def test_the_whole_lineage_counts(rita: User, questions: list[Question], checkpoint: Make) -> None:
    first = checkpoint([questions[0].patient], name="b", stage="density")
    second = checkpoint([questions[1].patient], name="c", stage="umicon_supervised", starts_from=first)
    last = checkpoint([questions[2].patient], name="d", starts_from=second)
    assert len(lineage(last)) == 3
    assert training_side(last).patients == {question.patient_id for question in questions[:3]}
    with pytest.raises(UserError, match="training side"):
        add_questions(trial_with(rita, last), [questions[0]], by_user=rita)


def test_weights_that_a_run_was_given_by_their_folder_count_as_well(
    rita: User, questions: list[Question], checkpoint: Make
) -> None:
    first = checkpoint([questions[0].patient], name="b")
    last = checkpoint([questions[1].patient], name="c", stage="vision_language_sft")
    given = {"init": {"model": first.folder}}
    job = Job.objects.create(kind="modeling.train", site=last.run.site, parameters=given)
    Run.objects.filter(pk=last.run.pk).update(job=job)
    last = Checkpoint.objects.get(pk=last.pk)
    assert {run.pk for run in lineage(last)} == {first.run.pk, last.run.pk}
    with pytest.raises(UserError, match="training side"):
        add_questions(trial_with(rita, last), [questions[0]], by_user=rita)


def test_an_arm_trained_on_a_question_of_the_trial_is_refused_too(
    rita: User, questions: list[Question], checkpoint: Make
) -> None:
    trial = create_trial("Leak", protocol=scene.frozen_protocol(rita), by_user=rita, seed=1)
    add_questions(trial, questions[:2], by_user=rita)
    made = checkpoint([questions[0].patient])
    with pytest.raises(UserError, match="training side"):
        add_system_arm(trial, "Ours", by_user=rita, checkpoint=made)
    # A spec that points at the same folder is the same checkpoint.
    spec = {"kind": "mammovlm", "path": made.folder + "/"}
    with pytest.raises(UserError, match="training side"):
        add_system_arm(trial, "Ours", by_user=rita, spec=spec)
    assert not trial.arms.exists()


@pytest.fixture
def export(rita: User, june: User, sena: User, questions: list[Question]) -> TrainingExport:
    """An export of the campaign in which June corrected and Sena picked the first question."""
    from annotation.models import Correction, Pick, Proposal

    campaign = questions[0].campaign
    annotation_scene.propose(campaign, questions)
    annotation_scene.settle(questions[0], june)
    proposal = Proposal.objects.filter(question=questions[0]).first()
    correction = Correction.objects.filter(proposal=proposal).first()
    Pick.objects.create(question=questions[0], correction=correction, by_user=sena, text="C")
    made = TrainingExport.objects.create(
        campaign=campaign, format="llamafactory", folder="/x", content_hash="0" * 64, by_user=rita
    )
    made.patients.add(questions[0].patient)
    return made


def test_the_wording_of_a_training_question_is_refused_where_there_are_no_images(
    rita: User, questions: list[Question], export: TrainingExport, checkpoint: Make
) -> None:
    made = checkpoint([], export=export)
    side = training_side(made)
    assert side.questions == {questions[0].pk}
    text = questions[0].turns[0]
    alone, about = annotation_scene.ask(
        questions[0].campaign,
        annotation_scene.row(f" {text.replace('？', ' ?')} ", number=90, patient="", accession=""),
        annotation_scene.row(text, number=91, patient="P005", accession="A005"),
    )[-2:]
    assert normalised_wording(alone.turns) == normalised_wording(questions[0].turns)
    trial = trial_with(rita, made)
    with pytest.raises(UserError, match="its wording is on the training side"):
        add_questions(trial, [alone], by_user=rita)
    # The same words about another patient's images are another task.
    assert add_questions(trial, [about], by_user=rita)


def test_shared_wordings_about_other_images_are_told_where_a_trial_is_designed_and_reported(
    rita: User, questions: list[Question], export: TrainingExport, checkpoint: Make, client: Client
) -> None:
    trial = trial_with(rita, checkpoint([], export=export))
    text = questions[0].turns[0]
    about = annotation_scene.ask(
        questions[0].campaign, annotation_scene.row(text, number=91, patient="P005", accession="A005")
    )[-1]
    add_questions(trial, [questions[1], about], by_user=rita)
    expected = "1 of 2 questions (2) are worded as a training question of arm “Ours” about other images"
    assert [line.startswith(expected) for line in wording_notes(trial)] == [True]
    client.force_login(rita)
    assert expected in client.get(reverse("evaluation:design", args=[trial.pk])).content.decode()
    assert expected in str(client.get(f"/api/v1/trials/{trial.pk}/design/").json()["notes"])
    arm = trial.arms.get()
    # The report of a masked trial names no arm; the freezing's own count stands although the training set grew.
    details = {SHARED: {str(arm.pk): [1, 2]}}
    TrialEvent.objects.create(trial=trial, kind="frozen", by_user=rita, details=details)
    assert shared_in_report(trial) == {"questions": 2, "of": 2}
    trial.state = Trial.State.UNBLINDED
    assert shared_in_report(trial) == {"questions": 2, "of": 2, "arms": {"Ours": 2}}


@pytest.mark.parametrize(
    ("turns", "leaks"),
    [
        (("{known}", "答", "谢谢，再见。"), True),
        (("您好。", "答", "{known}"), True),
        (("您好。", "答", "那么呢？"), False),
    ],
)
def test_every_turn_of_the_patient_in_a_dialogue_is_compared_with_training_wordings(
    rita: User,
    questions: list[Question],
    export: TrainingExport,
    checkpoint: Make,
    turns: tuple[str, ...],
    leaks: bool,
) -> None:
    known = questions[0].turns[0].replace("？", " ?")
    asked = annotation_scene.ask(
        questions[0].campaign,
        annotation_scene.row(
            turns=tuple(turn.format(known=known) for turn in turns), number=90, patient="", accession=""
        ),
    )[-1]
    trial = trial_with(rita, checkpoint([], export=export))
    assert (asked in eligible_questions(trial, asked.campaign, dialogues=True)) != leaks
    if leaks:
        with pytest.raises(UserError, match="its wording is on the training side"):
            add_questions(trial, [asked], by_user=rita, dialogues=True)
    else:
        assert add_questions(trial, [asked], by_user=rita, dialogues=True)[0].is_dialogue


def test_a_dialogue_whose_turns_were_trained_on_with_other_answers_is_refused(
    rita: User, june: User, sena: User, questions: list[Question], checkpoint: Make
) -> None:
    from annotation.models import Correction, Pick, Proposal

    campaign = annotation_scene.open_campaign_of(rita, [june], [sena], name="Rounds")
    first = ("我有结节吗？", "有。", "要手术吗？")
    trained, other = annotation_scene.ask(
        campaign,
        annotation_scene.row(turns=first, number=2, patient="P001", accession="A001"),
        annotation_scene.row(turns=(first[0], "没有。", first[2]), number=3, patient="", accession=""),
    )
    annotation_scene.propose(campaign, [trained])
    annotation_scene.settle(trained, june)
    proposal = Proposal.objects.filter(question=trained).first()
    correction = Correction.objects.filter(proposal=proposal).first()
    Pick.objects.create(question=trained, correction=correction, by_user=sena, text="C")
    export = TrainingExport.objects.create(
        campaign=campaign, format="llamafactory", folder="/x", content_hash="0" * 64, by_user=rita
    )
    trial = trial_with(rita, checkpoint([], export=export))
    with pytest.raises(UserError, match="its wording is on the training side"):
        add_questions(trial, [other], by_user=rita, dialogues=True)
    # As one answer to the last turn it is another question: other words stand before it.
    assert add_questions(trial, [other], by_user=rita)
    with pytest.raises(UserError, match="it is a training question"):
        add_questions(trial, [trained], by_user=rita, dialogues=True)


def test_who_took_part_in_an_arms_training_is_known(
    rita: User,
    june: User,
    sena: User,
    sol: User,
    questions: list[Question],
    export: TrainingExport,
    checkpoint: Make,
) -> None:
    trial = trial_with(rita, checkpoint([], export=export))
    add_system_arm(trial, "Other", by_user=rita, spec={"kind": "openai", "model": "m"})
    code = trial.arms.get(name="Ours").code
    assert trained_arm_codes(trial, sena) == trained_arm_codes(trial, june) == [code]
    assert trained_arm_codes(trial, sol) == []


def test_sampling_takes_eligible_questions_only_and_different_patients_first(
    rita: User, questions: list[Question], checkpoint: Make
) -> None:
    campaign = questions[0].campaign
    annotation_scene.ask(
        campaign, annotation_scene.row("又一问", number=99, patient="P001", accession="A001")
    )
    trial = trial_with(rita, checkpoint([questions[0].patient]))
    assert questions[0] not in eligible_questions(trial, campaign)
    with pytest.raises(UserError, match="7 wanted, 6"):
        sample_questions(trial, campaign, 7, by_user=rita)
    drawn = sample_questions(trial, campaign, 5, by_user=rita)
    assert len({row.question.patient_id for row in drawn}) == 5


def test_a_snapshot_of_a_campaigns_picks_that_were_never_exported_is_known_by_its_questions(
    rita: User, june: User, sena: User, sol: User, questions: list[Question]
) -> None:
    campaign = annotation_scene.open_campaign_of(rita, [june], [sena], name="Words")
    (trained,) = annotation_scene.ask(campaign, annotation_scene.plain_row("乳腺增生会变成癌吗？"))
    annotation_scene.propose(campaign, [trained])
    annotation_scene.settle(trained, june)
    pick(trained, by_user=sena, correction=Correction.objects.candidates(trained)[0].pk)
    snapshot = create_snapshot(
        "words",
        site=campaign.site,
        split=create_split("words", site=campaign.site, by_user=rita, purpose="sft"),
        height=20,
        width=16,
        by_user=rita,
        campaign=campaign,
    )
    assert snapshot.export is None
    run = Run.objects.create(site=campaign.site, stage="sft", snapshot=snapshot, by_user=rita)
    made = Checkpoint.objects.create(run=run, folder="/runs/words", sha256="e" * 64)
    trial = trial_with(rita, made)
    with pytest.raises(UserError, match="it is a training question"):
        add_questions(trial, [trained], by_user=rita)
    again = annotation_scene.ask(
        questions[0].campaign, annotation_scene.plain_row("乳腺增生，会变成癌吗", number=90)
    )[-1]
    with pytest.raises(UserError, match="its wording is on the training side"):
        add_questions(trial, [again], by_user=rita)
    code = trial.arms.get(name="Ours").code
    assert trained_arm_codes(trial, june) == trained_arm_codes(trial, sena) == [code]
    assert trained_arm_codes(trial, sol) == []


def test_a_snapshot_of_an_earlier_version_takes_its_campaign_from_its_job(
    rita: User, june: User, sena: User
) -> None:
    campaign = annotation_scene.open_campaign_of(rita, [june], [sena], name="Words")
    site = campaign.site
    named, unnamed = (
        Snapshot.objects.create(
            site=site,
            name=name,
            job=submit(
                "modeling.snapshot", by_user=rita, site=site, about=None, title="s", parameters=parameters
            ),
        )
        for name, parameters in (("a", {"campaign": str(campaign.pk)}), ("b", {"campaign": None}))
    )
    import_module("modeling.migrations.0006_campaigns_from_jobs").take_from_jobs(apps, None)
    named.refresh_from_db()
    unnamed.refresh_from_db()
    assert named.campaign == campaign
    assert unnamed.campaign is None
