"""A patient with a row in every room that keeps texts, each encrypted column of it filled with words of her own."""

import uuid
from typing import Any

from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models

from annotation.models import (
    Campaign,
    Comment,
    Correction,
    Draft,
    Flag,
    Pick,
    PickEdit,
    Proposal,
    Question,
    QuestionUpload,
    Return,
    Skip,
    StatedFacts,
)
from annotation.services.uploads import read_upload
from evaluation.models import (
    Answer,
    FormRemark,
    PracticeItem,
    ReaderStudy,
    Slot,
    Trial,
    TrialQuestion,
    UnfinishedDialogue,
)
from evaluation.services.raters import add_rater
from evaluation.services.reader_studies import add_cases, lock_readings
from evaluation.services.readings import Assessment, next_reading, record_reading
from evaluation.services.scoring import lock_trial
from mammo.accounts.models import Site, User
from mammo.archive import inbox
from mammo.archive.models import (
    ImportBatch,
    ImportItem,
    LabelCorrection,
    PacsFetch,
    PacsService,
    Pathology,
    Patient,
    Report,
    Study,
    TableUpload,
)
from mammo.archive.table_uploads import keep_table
from mammo.core import raw_files
from mammo.core.encryption import EncryptedJSONField, EncryptedTextField
from mammo.jobs.attempt_files import AttemptFiles
from mammo.jobs.models import Job
from modeling.models import Consultation, ConsultationProtocol, ConsultationTurn, Prediction, TurnRemark
from tests.annotation import scene as annotation_scene
from tests.evaluation import reading_scene, scene
from tests.mammo.archive.files import mammogram

# Stands in every text of hers and of nobody else.
WORD = "患者原话"
NUMBER, ACCESSION = "P000", "A000"
# Under the site's key, because whose rows these are is not known when they come: an erasure finds hers and empties them.
OF_THE_SITE = (ImportItem, PacsFetch, TableUpload, QuestionUpload)
# Of a hospital's own settings: no patient's.
OF_NOBODY = (PacsService,)


def encrypted_fields(model: type[models.Model]) -> list[EncryptedTextField]:
    """Columns of a model whose values are encrypted."""
    return [field for field in model._meta.get_fields() if isinstance(field, EncryptedTextField)]


def models_of_patients() -> list[type[models.Model]]:
    """Every model with an encrypted column but those that are named above: each must have a row of hers."""
    others = {*OF_THE_SITE, *OF_NOBODY}
    return [model for model in apps.get_models() if encrypted_fields(model) and model not in others]


def rows_of(patient: Patient, model: type[models.Model]) -> list[Any]:
    """Rows of a model that stand under her key."""
    rows: list[Any] = list(model._base_manager.all())
    return [row for row in rows if row.encryption_key_id() == patient.key_id]


def spoken(model: type[models.Model]) -> dict[str, Any]:
    """Values of every encrypted column of a model, with her words."""
    said = f"{WORD}：{model._meta.label}"
    return {
        field.name: {"x": said} if isinstance(field, EncryptedJSONField) else said
        for field in encrypted_fields(model)
    }


def in_every_room(site: Site, people: dict[str, User]) -> Patient:
    """The patient: asked, answered, scored, read, consulted about, flagged, skipped and commented on. Her trial and
    her reader study are locked; tables that name her wait; a job's log quotes her.
    """
    rita, june, sena, sol = (people[name] for name in ("rita", "june", "sena", "sol"))
    trial = scene.open_trial(rita, june, [sena, sol], count=3)
    question = trial.trial_questions.order_by("position")[0].question
    study, patient = question.study, question.patient
    assert study is not None
    assert patient is not None
    scene.score_all(trial)
    lock_trial(trial, by_user=rita, reason="all forms are scored")
    _remarked(trial, question, sena)
    further = annotation_scene.open_campaign_of(rita, [june], [sena], name="Further")
    (asked,) = annotation_scene.ask(further, annotation_scene.row(f"{WORD}？", 2, NUMBER, ACCESSION))
    _in_a_draft(asked, rita, june, sol)
    _worked_on(asked, june, sena)
    _read_by_doctors(study, rita, june, sol)
    _archived(patient, sena)
    _consulted(study, sena)
    _waiting(further, people["dana"], rita)
    _received(site, people["dana"])
    _quoted_in_a_log(site, rita)
    return patient


def _remarked(trial: Trial, question: Question, sena: User) -> None:
    slot = Slot.objects.filter(answer__question__question=question, rater__user=sena, rater__trial=trial)[0]
    FormRemark.objects.create(slot=slot, revision=9, by_user=sena, **spoken(FormRemark))


def _in_a_draft(question: Question, rita: User, june: User, sol: User) -> None:
    """In a trial whose design is not sealed, so that its texts may be ours."""
    draft = scene.draft_trial(rita, [question], june, name="Another trial")
    asked = draft.trial_questions.get()
    asked.rounds = spoken(TrialQuestion)["rounds"]
    asked.save(update_fields=["rounds"])
    arm = draft.arms.order_by("position")[0]
    answer = Answer.objects.create(arm=arm, question=asked, shown_sha256="a" * 64, **spoken(Answer))
    rater = add_rater(draft, sol, by_user=rita)
    Slot.objects.create(rater=rater, answer=answer, position=1, kind="control", **spoken(Slot))
    PracticeItem.objects.create(trial=draft, question=question, position=9, **spoken(PracticeItem))
    UnfinishedDialogue.objects.create(arm=arm, question=asked, author=june, **spoken(UnfinishedDialogue))


def _worked_on(question: Question, june: User, sena: User) -> None:
    about: dict[str, Any] = {"question": question}
    proposal = Proposal.objects.create(
        **about, round=9, index=0, system="s", system_kind="transformers", revision="r", seed=1,
        prompt_sha256="a" * 64, context="none", finish_reason="stop", **spoken(Proposal),
    )  # fmt: skip
    correction = Correction.objects.create(
        proposal=proposal, by_user=june, no_change=False, edit_distance=3, **spoken(Correction)
    )
    chosen: dict[str, Any] = {**about, "correction": correction, "by_user": sena}
    made = Pick.objects.create(**chosen, **spoken(Pick))
    PickEdit.objects.create(**chosen, pick=made, edit_distance=1, **spoken(PickEdit))
    Return.objects.create(
        **about, by_user=sena, round=9, instruction_version=1, guideline_version=0, **spoken(Return)
    )
    StatedFacts.objects.create(**about, proposal=proposal, **spoken(StatedFacts))
    Draft.objects.create(**about, user=june, purpose="correct", **spoken(Draft))
    Skip.objects.create(**about, by_user=june, purpose="correct", round=9, code="other", **spoken(Skip))
    Flag.objects.create(**about, by_user=june, kind="consent", **spoken(Flag))
    Comment.objects.create(**about, by_user=june, role="correct", **spoken(Comment))


def _read_by_doctors(study: Study, rita: User, june: User, sol: User) -> None:
    """Her breast is a proven case of a reader study, which is read to its end and locked."""
    readings = reading_scene.draft_study(rita, [june, sol], count=3, design="sequential")
    assert readings.checkpoint is not None
    Pathology.objects.create(study=study, laterality="L", method="core_biopsy", result="malignant")
    Prediction.objects.create(
        checkpoint=readings.checkpoint, unit_kind="breast", unit=f"{study.pk}:L", study=study, laterality="L",
        kind="malignancy", method="image", value=0.8,
    )  # fmt: skip
    add_cases(readings, [study], by_user=rita)
    reading_scene.opened(readings, rita)
    for reader in readings.readers.select_related("user"):
        while (slot := next_reading(reader)) is not None:
            record_reading(slot, Assessment("4A", 70), by_user=reader.user)
    lock_readings(ReaderStudy.objects.get(pk=readings.pk), by_user=rita)


def _archived(patient: Patient, sena: User) -> None:
    """A further study with its report, a correction of its labels, how it came in, and a fetch that asked for her."""
    study = scene.study_of(patient, "A777")
    for name, value in spoken(Study).items():
        setattr(study, name, value)
    study.save()
    patient.roster = spoken(Patient)["roster"]
    patient.save(update_fields=["roster"])
    Report.objects.create(study=study, language="zh", sha256="9" * 64, **spoken(Report))
    LabelCorrection.objects.create(study=study, by_user=sena, **spoken(LabelCorrection))
    batch = ImportBatch.objects.create(site=study.site, kind="studies")
    ImportItem.objects.create(
        batch=batch, image=study.images.all()[0], outcome="imported", **spoken(ImportItem)
    )
    service = PacsService.objects.create(site=study.site, name="pacs1", url="http://127.0.0.1:9/dicom-web")
    fetch = PacsFetch(service=service, by_user=sena, **spoken(PacsFetch))
    fetch.query = {"patient": NUMBER, "accession": ACCESSION, "study_uid": WORD}
    fetch.save(force_insert=True)


def _consulted(study: Study, sena: User) -> None:
    protocol = ConsultationProtocol.objects.create(
        site=study.site, title="Asking", ethics_number="7", ends_on="2099-01-01", by_user=sena
    )
    consultation = Consultation.objects.create(
        site=study.site, protocol=protocol, checkpoint=_weights(study.site), by_user=sena, study=study
    )
    turn = ConsultationTurn.objects.create(
        consultation=consultation, number=1, seed=1, state="answered", **spoken(ConsultationTurn)
    )
    TurnRemark.objects.create(turn=turn, by_user=sena, thumb="up", **spoken(TurnRemark))


def _weights(site: Site) -> Any:
    return reading_scene.checkpoint_of(site, "asked")


def _waiting(campaign: Campaign, dana: User, rita: User) -> None:
    """Two tables that nobody confirmed, and one of which nothing was taken in."""
    reports = f"patient,accession,text\n{NUMBER},{ACCESSION},{WORD}\nP999,A999,别人的话\n"
    table = SimpleUploadedFile(f"{WORD}.csv", reports.encode())
    keep_table(table, kind="reports", site=campaign.site, by_user=dana)
    questions = f"patient,text,source\n{NUMBER},{WORD}？,ward\nP999,别人的问题？,ward\n"
    read_upload(campaign, SimpleUploadedFile("q.csv", questions.encode()), by_user=rita)


def _received(site: Site, dana: User) -> None:
    """A file of hers from a PACS, one that an import took and did not finish, and an upload that broke off."""
    with raw_files.laid_out() as folder:
        sent = mammogram(folder / "hers.dcm", PatientID=NUMBER, PatientComments=WORD).read_bytes()
    origin = ImportBatch.Origin.C_STORE
    inbox.put(site, sent, batch_id=uuid.uuid4(), origin=origin, name=f"PACS/{WORD}.dcm")
    inbox.claim(site, "receiver", 1)
    inbox.put(site, sent, batch_id=uuid.uuid4(), origin=origin, name=f"PACS/{WORD}.dcm")
    upload = inbox.Upload(site, uuid.uuid4(), by=str(dana.pk))
    upload.append(sent[: len(sent) // 2], offset=0, name=f"{WORD}.dcm", origin=ImportBatch.Origin.UPLOAD)


def _quoted_in_a_log(site: Site, rita: User) -> None:
    job = Job.objects.create(kind="annotation.propose", site=site, by_user=rita, attempt=1)
    files = AttemptFiles(job)
    files.make()
    files.note(f"ValueError: {WORD}")
    files.close()
