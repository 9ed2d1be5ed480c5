"""Two hospitals with everything an address can name: north is asked about, south belongs to strangers."""

import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone

from annotation.models import (
    Campaign,
    Correction,
    EndpointApproval,
    Flag,
    Notification,
    Phrase,
    Pick,
    Proposal,
    Question,
    QuestionUpload,
    Skip,
    TrainingExport,
)
from annotation.services.campaigns import add_member, create_campaign, open_campaign
from annotation.services.picks import pick
from annotation.services.practice import PracticeAnswer, add_item
from evaluation.models import DataExport, Trial
from evaluation.reports.tables import TableOptions, build_table
from evaluation.services.freezing import freeze_trial
from evaluation.services.raters import add_rater, consent
from evaluation.services.readings import next_reading
from evaluation.services.scoring import lock_trial, next_slot, open_scoring, record_scores
from mammo.accounts.models import Site, User
from mammo.archive import storage
from mammo.archive.cohorts import write_cohort
from mammo.archive.models import (
    Backup,
    Cohort,
    Erasure,
    ImportBatch,
    ImportItem,
    PacsFetch,
    PacsService,
    Patient,
    PictureSample,
    SampledPicture,
    Split,
    Study,
    TableUpload,
)
from mammo.archive.tables import Row
from mammo.archive.unmatched import write_unmatched
from mammo.core.jsonlines import write_atomically
from mammo.core.keys import key_store
from mammo.jobs.models import Job
from modeling.models import (
    Checkpoint,
    CheckpointExport,
    Consultation,
    ConsultationProtocol,
    ConsultationTurn,
    Run,
    Snapshot,
)
from tests.annotation import scene as annotation_scene
from tests.evaluation import reading_scene, scene
from tests.mammo.archive.files import mammogram


@dataclass
class Objects:
    """Keys by kind: what belongs to the people of the table, and to others of the same hospital."""

    own: dict[str, Any] = field(default_factory=dict)
    anothers: dict[str, Any] = field(default_factory=dict)


def furnish(site: Site, people: dict[str, User]) -> Objects:
    """Fill a hospital. `people`: june and sena do the work, jack and sol are their colleagues, rita designs."""
    june, jack, sena, sol, rita = (people[name] for name in ("june", "jack", "sena", "sol", "rita"))
    objects = Objects()
    trial = scene.open_trial(rita, june, [sena, sol], count=3)
    for rater, keys in ((sena, objects.own), (sol, objects.anothers)):
        row = trial.raters.get(user=rater)
        first = next_slot(row)
        assert first is not None
        record_scores(first, by_user=rater, values=scene.values(), active_seconds=5)
        following = next_slot(row)
        assert following is not None
        keys.update(rater=row.pk, slot=following.pk, score=first.scores.first().pk)  # type: ignore[union-attr]
    study = annotation_scene.patient_with_study(site, "M001", "N001")
    for name, junior, senior, keys in (
        ("Ours", june, sena, objects.own),
        ("Theirs", jack, sol, objects.anothers),
    ):
        campaign = annotation_scene.open_campaign_of(rita, [junior], [senior], name=name)
        rows = [annotation_scene.row(f"{name} {n}？", n + 2, "M001", "N001") for n in range(3)]
        open_, corrected, picked = annotation_scene.ask(campaign, *rows)
        job = annotation_scene.propose(campaign, [open_, corrected, picked])
        for question in (corrected, picked):
            annotation_scene.settle(question, junior)
        correction = Correction.objects.candidates(picked)[0]
        pick(picked, by_user=senior, correction=correction.pk)
        keys.update(
            campaign=campaign.pk,
            question=open_.pk,
            corrected=corrected.pk,
            chosen=picked.pk,
            proposal=Proposal.objects.filter(question=open_)[0].pk,
            correction=correction.pk,
            pick=Pick.objects.get(question=picked).pk,
            job=job.pk,
            export=TrainingExport.objects.create(campaign=campaign, format="trl", folder="none").pk,
        )
    _add_example(objects.own, rita)
    _add_disputed(objects, june, sena, sol, rita)
    _add_work_rows(objects.own, june, rita)
    brought_by = people.get("dana") or sol
    objects.anothers["upload"] = _read_table(objects.anothers["campaign"], brought_by)
    _add_studies(objects, trial, rita, june, jack)
    questions = [row.question for row in trial.trial_questions.select_related("question")]
    locked = locked_trial(people, questions, "Scored")
    objects.own.update(locked_trial=locked.pk, cell=_cell_of(locked))
    arm = trial.arms.order_by("position")[0]
    snapshot = Snapshot.objects.create(site=site, name="set", folder="none", content_hash="c" * 64)
    run = Run.objects.create(site=site, stage="sft", snapshot=snapshot)
    batch = ImportBatch.objects.create(site=site, kind="studies")
    item = _quarantined(site, batch)
    write_unmatched([(Row(2, {"patient": "M001"}), "no study matches")], batch)
    thumbnail = storage.thumbnail_path(study.images.all()[0].viewing_copy)
    thumbnail.write_bytes(b"a small picture")
    shared = {
        "site": site.pk, "site_code": site.code,
        "study": study.pk, "image": study.images.all()[0].pk, "trial": trial.pk, "arm": arm.pk,
        "snapshot": snapshot.pk, "run": run.pk, "batch": batch.pk, "item": item.pk,
        **_incoming(site, people.get("dana") or rita),
        "sample": _sampled(site, study, people.get("dana") or rita).pk,
        "checkpoint": Checkpoint.objects.create(run=run, folder="none", sha256="d" * 64).pk,
    }  # fmt: skip
    objects.own.update(shared)
    _add_consultations(objects, site, sena, sol, rita)
    cohort = write_cohort(Cohort(site=site, name="all", by_user=rita), [study.pk])
    split = Split.objects.create(site=site, name=f"{site.code} split", purpose="sft", by_user=rita)
    objects.own.update(cohort=cohort.pk, split=split.pk, report=study.reports.all()[0].pk)
    leaving = Patient.objects.create(
        site=site, number_hash="leaving", pseudonym=f"{site.code}-leaving", key_id=key_store().create()
    )
    asked = Erasure.objects.create(patient=leaving, requested_by=rita, reason="withdrew")
    objects.own.update(erasure=asked.pk, pseudonym=study.patient.pseudonym)
    objects.own["account"] = people["june"].pk
    objects.own["failed_job"] = Job.objects.create(
        kind="tests.access", site=site, by_user=rita, state="failed", finished_at=batch.created_at
    ).pk
    return objects


def _add_example(keys: dict[str, Any], rita: User) -> None:
    """An example to practise on in the campaign of the table's people, and a backup that stands."""
    answers = [
        PracticeAnswer(text="左乳有结节。", tags=["wrong_side"], reference="右乳有结节。"),
        PracticeAnswer(text="请半年后复查。"),
    ]
    campaign = Campaign.objects.get(pk=keys["campaign"])
    row = add_item(campaign, by_user=rita, question="哪一侧？", answers=answers, best=1, language="zh")
    keys["example"] = row.pk
    keys["backup"] = Backup.objects.create(content="all", taken_at=timezone.now(), where="tape 1").pk


def _add_disputed(objects: Objects, june: User, sena: User, sol: User, rita: User) -> None:
    """A question that two seniors settled differently: one for sena to decide, another one for sol."""
    site = rita.sites_as("researcher").get()
    pickers = [scene.person(site, f"{name}-{site.code}", "senior") for name in ("Pia", "Pepe")]
    for decider, keys in ((sena, objects.own), (sol, objects.anothers)):
        campaign = create_campaign(
            f"Disputed, {decider.username}",
            site=site,
            by_user=rita,
            proposer={"kind": "transformers", "path": "/models/tiny"},
            senior_overlap=2,
            adjudication=True,
            seed=3,
        )
        people = ((june, "correct"), *((person, "pick") for person in pickers), (decider, "adjudicate"))
        for person, purpose in people:
            add_member(campaign, person, purpose, by_user=rita)
        open_campaign(campaign, by_user=rita)
        (question,) = annotation_scene.proposed(campaign, 1)
        annotation_scene.settle(question, june)
        candidates = Correction.objects.candidates(question)
        for picker, chosen in zip(pickers, candidates, strict=False):
            pick(question, by_user=picker, correction=chosen.pk)
        keys["disputed"] = question.pk


def opened_trial(people: dict[str, User], questions: list[Any], name: str, **settings_of: Any) -> Trial:
    """A trial that june answered for and sena and sol may score."""
    rita = people["rita"]
    trial = scene.draft_trial(rita, questions, people["june"], name=name, **settings_of)
    scene.answer_all(trial, rita, people["june"])
    for rater in (people["sena"], people["sol"]):
        add_rater(trial, rater, by_user=rita)
    freeze_trial(trial, by_user=rita)
    open_scoring(trial, by_user=rita)
    return trial


def locked_trial(people: dict[str, User], questions: list[Any], name: str) -> Trial:
    """A trial that was scored to its last form and locked."""
    trial = opened_trial(people, questions, name)
    for row in trial.raters.select_related("user"):
        consent(row, by_user=row.user)
    scene.score_all(trial)
    lock_trial(trial, by_user=people["rita"], reason="")
    return Trial.objects.get(pk=trial.pk)


def _cell_of(trial: Trial) -> str:
    """The query that names a cell of the trial's first table."""
    table = build_table(1, TableOptions(trial))
    return urlencode({"row": table.rows[0].key, "column": table.columns[0].key})


def _quarantined(site: Site, batch: ImportBatch) -> ImportItem:
    """A file that really waits: encrypted, with pixels to look at."""
    with tempfile.TemporaryDirectory() as folder:
        data = mammogram(Path(folder) / "a.dcm").read_bytes()
    return ImportItem.objects.create(
        batch=batch,
        source="/in/LI_MING.dcm",
        outcome="quarantined",
        reason="a secondary capture (screen copy or digitised film) may show identifying text",
        details={"kind": "secondary_capture"},
        sha256=hashlib.sha256(data).hexdigest(),
        quarantine_file=storage.store_original(data, site.key_id),
    )


def _sampled(site: Site, study: Study, keeper: User) -> PictureSample:
    """A sample of which one picture waits for a look."""
    sample = PictureSample.objects.create(site=site, by_user=keeper, population=4, seed=1)
    SampledPicture.objects.create(sample=sample, image_key=study.images.all()[0].pk, position=1)
    return sample


def _incoming(site: Site, keeper: User) -> dict[str, Any]:
    """A table that waits to be confirmed, and a fetch from a PACS that broke off."""
    upload = TableUpload(site=site, by_user=keeper, kind="pathology", name="lis.csv", suffix=".csv")
    write_atomically(
        Path(settings.MAMMO_HOME) / "imports" / "tables" / f"{upload.pk}.enc",
        key_store().encrypt(site.key_id, "住院号,侧别\nM001,左\n".encode(), "archive.table"),
    )
    upload.save(force_insert=True)
    service = PacsService.objects.create(site=site, name="pacs1", url="http://127.0.0.1:9/dicom-web")
    fetch = PacsFetch.objects.create(service=service, by_user=keeper, query={"patient": "M001"}, found=2)
    return {"table": upload.pk, "fetch": fetch.pk}


def _add_consultations(objects: Objects, site: Site, sena: User, sol: User, rita: User) -> None:
    """A dialogue of each senior with a tuned model, and weights that wait for a decision."""
    checkpoint = Checkpoint.objects.get(pk=objects.own["checkpoint"])
    protocol = ConsultationProtocol.objects.create(
        site=site, title="Asking", ethics_number="7", ends_on="2099-01-01", by_user=rita
    )
    for person, keys in ((sena, objects.own), (sol, objects.anothers)):
        consultation = Consultation.objects.create(
            site=site, protocol=protocol, checkpoint=checkpoint, by_user=person
        )
        turn = ConsultationTurn(consultation=consultation, number=1, question="?", answer="!", seed=1)
        turn.state = ConsultationTurn.State.ANSWERED
        turn.save(force_insert=True)
        keys.update(consultation=consultation.pk, turn=turn.pk)
    objects.own["release"] = CheckpointExport.objects.create(
        checkpoint=checkpoint, recipient="south", reason="study", asked_by=rita
    ).pk


def _add_work_rows(keys: dict[str, Any], june: User, rita: User) -> None:
    """What is read, skipped, flagged, kept as a phrase and asked for in the campaign of the table's people."""
    question = Question.objects.select_related("campaign__site").get(pk=keys["question"])
    skip = Skip.objects.create(question=question, by_user=june, purpose="correct", code="known", round=9)
    flag = Flag.objects.create(question=question, by_user=june, kind="consent")
    phrase = Phrase.objects.create(
        campaign=question.campaign, by_user=june, language="zh", text="请按时复查。"
    )
    approval = EndpointApproval.objects.create(
        site=question.campaign.site,
        host="llm.example.org",
        country="CN",
        reason="contract",
        asked_by=rita,
        expires_on="2099-01-01",
    )
    keys["news"] = Notification.objects.create(user=june, kind="assigned", question=question).pk
    keys.update(
        upload=_read_table(question.campaign_id, rita),
        skip=skip.pk,
        flag=flag.pk,
        phrase=phrase.pk,
        approval=approval.pk,
    )


def _read_table(campaign: Any, by_user: User) -> Any:
    """A table of questions that this person read in and nobody has confirmed; returns its key."""
    upload = QuestionUpload(
        campaign=Campaign.objects.select_related("site").get(pk=campaign),
        by_user=by_user,
        name="questions.csv",
    )
    upload.rows = []
    upload.save(force_insert=True)
    return upload.pk


def _add_studies(objects: Objects, trial: Trial, rita: User, june: User, jack: User) -> None:
    """A protocol, questions that authors answer, a reader study with a case for each reader, a request for data."""
    objects.own.update(protocol=trial.protocol.pk)
    questions = [row.question for row in trial.trial_questions.select_related("question__campaign__site")]
    for name, author, keys in (("Written", june, objects.own), ("Theirs", jack, objects.anothers)):
        draft = scene.draft_trial(rita, questions[:1], author, name=f"{name} by a doctor")
        keys["asked"] = draft.trial_questions.get().pk
    study = reading_scene.open_study(rita, [june, jack], count=2)
    objects.own["reader_study"] = study.pk
    for reader, keys in ((june, objects.own), (jack, objects.anothers)):
        row = study.readers.get(user=reader)
        following = next_reading(row)
        assert following is not None
        keys.update(reader=row.pk, reading_slot=following.pk)
    objects.own["data_export"] = DataExport.objects.create(
        site=trial.site, trial=trial, reason="analysis", expires_on="2099-01-01", asked_by=rita
    ).pk
