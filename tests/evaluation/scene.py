"""What the tests of evaluation stand on: questions, a trial with three arms, raters who score."""

import uuid
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.utils import timezone

from annotation.models import Campaign, Question
from evaluation.models import Arm, Protocol, ReaderStudy, Slot, Trial, TrialRater
from evaluation.services.answers import queue_answers, record_human_answer
from evaluation.services.arms import add_human_arm, add_system_arm
from evaluation.services.exports import ask_export, decide_export
from evaluation.services.freezing import freeze_trial
from evaluation.services.protocols import create_protocol, freeze_protocol
from evaluation.services.raters import add_rater, consent
from evaluation.services.scoring import next_slot, open_scoring, record_scores
from evaluation.services.trials import add_questions, create_trial
from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.archive.cohorts import write_cohort
from mammo.archive.dicom.viewing_copy import write_viewing_copy
from mammo.archive.models import Image, Patient, Report, Study
from mammo.archive.pseudonyms import installation
from mammo.core.keys import key_store
from mammo.jobs import services as jobs
from mammo.jobs.models import Job
from tests.annotation import scene as annotation_scene

ASPECTS = ("correctness", "rationality", "helpfulness", "professionalism", "completeness")


def person(site: Site, name: str, role: str = "senior", **account: Any) -> User:
    """An account at `site`."""
    return create_account(
        name.lower(),
        password="correct horse battery",
        display_name=name,
        roles={role: [site]},
        by_user=None,
        **account,
    )


def patient_with_study(site: Site, number: str, accession: str) -> Study:
    """A patient with a study of four views."""
    keys = installation()
    patient = Patient.objects.create(
        site=site,
        number_hash=keys.number_hash(site.code, number),
        pseudonym=keys.pseudonym(site.code, number),
        key_id=key_store().create(),
    )
    return study_of(patient, accession)


def earlier_of(study: Study, days: int = 365) -> Study:
    """A study of the same patient, so many days before."""
    study.date = study.date or date(2021, 5, 4)
    study.save(update_fields=["date"])
    earlier = study_of(study.patient, f"before {study.pk}")
    earlier.date = study.date - timedelta(days=days)
    earlier.save(update_fields=["date"])
    return earlier


def study_of(patient: Patient, accession: str) -> Study:
    """A study of four views of a patient; the images of a test share one copy per view, 40 x 30 pixels."""
    site = patient.site
    study = Study.objects.create(
        site=site,
        patient=patient,
        study_uid=f"2.25.{uuid.uuid4().int}",
        study_uid_hash=uuid.uuid4().hex,
        accession_hash=installation().accession_hash(site.code, accession),
        density="C",
    )
    for laterality, view in (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")):
        Image.objects.create(
            study=study,
            laterality=laterality,
            laterality_source="ImageLaterality",
            view=view,
            sop_uid=f"2.25.{uuid.uuid4().int}",
            sop_uid_hash=uuid.uuid4().hex,
            sha256=uuid.uuid4().hex,
            original="none.enc",
            viewing_copy=_viewing_copy(laterality, view),
            viewing_copy_sha256=uuid.uuid4().hex,
            rows=40,
            columns=30,
            window_center=2048,
            window_width=4096,
            procedure_version="test",
        )
    return study


def report_of(study: Study, blanked: str = "Dense breasts, a mass on the left.", **fields: Any) -> Report:
    """A report of a study, as the import stores it; `replaces` hangs it before another."""
    return Report.objects.create(
        study=study,
        language="en",
        original=f"{blanked} BI-RADS 4.",
        cleaned=f"{blanked} BI-RADS 4.",
        blanked=blanked,
        blanked_strict=blanked,
        sha256=uuid.uuid4().hex,
        **fields,
    )


def _viewing_copy(laterality: str, view: str) -> str:
    name = f"{laterality}{view}.dcm"
    path = Path(settings.MAMMO_VIEWING_COPIES) / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.tile(np.linspace(0, 4095, 30).astype(np.uint16), (40, 1))
        uids = {kind: f"2.25.{uuid.uuid4().int}" for kind in ("study", "series", "sop")}
        write_viewing_copy(path, pixels, bits_stored=12, laterality=laterality, view=view, uids=uids)
    return name


def questions_of(rita: User, people: Sequence[User], count: int = 9) -> list[Question]:
    """`count` questions about as many patients' studies, in one campaign; people are junior and senior."""
    site = rita.sites_as("researcher").get()
    juniors = [p for p in people if p.has_role("junior")]
    seniors = [p for p in people if p.has_role("senior")]
    campaign: Campaign = annotation_scene.open_campaign_of(rita, juniors, seniors, name="Questions")
    rows = []
    for number in range(count):
        patient, accession = f"P{number:03d}", f"A{number:03d}"
        patient_with_study(site, patient, accession)
        text = f"我的乳腺密度是多少？（第{number}问）"
        rows.append(annotation_scene.row(text, number=number + 2, patient=patient, accession=accession))
    return annotation_scene.ask(campaign, *rows)


def frozen_protocol(rita: User, **fields: Any) -> Protocol:
    """A protocol of north, frozen; a cohort that is not saved yet is saved without a study."""
    fields = {"ethics_approval": "EC-2026-1"} | fields
    if fields.get("cohort") is not None and fields["cohort"]._state.adding:
        write_cohort(fields["cohort"], ())
    site = rita.sites_as("researcher").get()
    protocol = create_protocol("Blinded scoring", site=site, by_user=rita, **fields)
    return freeze_protocol(protocol, by_user=rita)


def draft_trial(rita: User, questions: Sequence[Question], author: User, **settings_of: Any) -> Trial:
    """A draft with questions and three arms: two systems and a junior doctor; `protocol` holds fields of it.

    A cohort there that is not saved yet is saved with the questions' studies, without those at the positions `outside`.
    """
    fields, outside = settings_of.pop("protocol", {}), settings_of.pop("outside", ())
    if fields.get("cohort") is not None and fields["cohort"]._state.adding:
        inside = [row for place, row in enumerate(questions, 1) if place not in outside]
        write_cohort(fields["cohort"], [row.study_id for row in inside if row.study_id is not None])
    trial = create_trial(
        settings_of.pop("name", "First trial"),
        protocol=frozen_protocol(rita, **fields),
        by_user=rita,
        seed=5,
        **settings_of,
    )
    add_questions(trial, questions, by_user=rita)
    add_system_arm(trial, "MammoVLM", by_user=rita, spec={"kind": "mammovlm", "path": "/models/ours"})
    add_system_arm(trial, "Untuned model", by_user=rita, spec={"kind": "transformers", "path": "/models/glm"})
    add_human_arm(trial, "Junior doctor", authors=[author], by_user=rita)
    return trial


def answer_rows(
    arms: Sequence[Arm], trial: Trial, text: str = "您的乳腺密度为C类，建议每年复查。"
) -> list[dict[str, Any]]:
    """Rows of an answer file as the answering module writes them."""
    return [
        {
            "system": str(arm.pk),
            "question": str(question.pk),
            "index": 0,
            "text": f"{text}（{arm.position}.{question.position}）",
            "raw": f"{text}（{arm.position}.{question.position}）<|user|>",
            "seed": 77,
            "finish_reason": "stop",
            "prompt_sha256": "a" * 64,
            "revision": "b" * 64,
            "parameters": {"temperature": 0.0},
            "seconds": 0.4,
            "tokens": 20,
            "images": 4,
        }
        for arm in arms
        for question in trial.trial_questions.order_by("position")
    ]


def answer_all(
    trial: Trial, rita: User, author: User, *, written: str = "密度为C类，请{}个月后复查。", **how: Any
) -> Job:
    """Systems answer as the worker would store it, the author writes (`written`, with the question's number)."""
    job = queue_answers(trial, by_user=rita)
    assert job is not None
    claimed = jobs.claim(job.pk, "test worker")
    assert claimed is not None
    systems = list(trial.arms.filter(kind=Arm.Kind.SYSTEM).order_by("position"))
    jobs.finish(claimed, answer_rows(systems, trial, **how))
    arm = trial.arms.get(kind=Arm.Kind.HUMAN)
    for question in trial.trial_questions.order_by("position"):
        record_human_answer(arm, question, written.format(question.position), by_user=author)
    return job


def open_trial(rita: User, author: User, raters: Sequence[User], count: int = 9, **settings_of: Any) -> Trial:
    """A trial that is open for scoring; every rater has consented."""
    questions = questions_of(rita, [author, *raters], count)
    trial = draft_trial(rita, questions, author, **settings_of)
    answer_all(trial, rita, author)
    return opened(trial, rita, raters)


def opened(trial: Trial, rita: User, raters: Sequence[User]) -> Trial:
    """The answered draft, frozen and open for these raters, who have consented."""
    for rater in raters:
        add_rater(trial, rater, by_user=rita)
    freeze_trial(trial, by_user=rita)
    open_scoring(trial, by_user=rita)
    for row in trial.raters.select_related("user"):
        consent(row, by_user=row.user)
    return trial


def values(base: int = 80) -> dict[str, int]:
    """A whole form."""
    return {key: base + offset for offset, key in enumerate(ASPECTS)}


def score_all(trial: Trial) -> None:
    """Every rater scores every form; arms differ, so do raters."""
    for place, rater in enumerate(trial.raters.select_related("user").order_by("pk")):
        score_forms(rater, place)


def score_forms(rater: TrialRater, place: int = 0) -> None:
    """One rater scores all their forms in order."""
    slot: Slot | None = next_slot(rater)
    while slot is not None:
        arm = slot.answer.arm.position
        base = 60 + 6 * arm + 3 * place + slot.position % 5
        record_scores(slot, by_user=rater.user, values=values(base), active_seconds=20)
        slot = next_slot(rater)


def approved_export(of: Trial | ReaderStudy, rita: User, second: User, **asked: Any) -> str:
    """Id of a request of Rita's for the raw data that a second person approved."""
    fields = {"reason": "for the tests", "expires_on": timezone.localdate()} | asked
    row = ask_export(of, by_user=rita, **fields)
    return str(decide_export(row, "approved", by_user=second).pk)
