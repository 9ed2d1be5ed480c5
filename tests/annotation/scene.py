"""What the tests of annotation stand on: a patient with four viewing copies, a campaign, its questions."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from annotation.models import Campaign, Proposal, Purpose, Question
from annotation.question_table import QuestionRow
from annotation.services import proposals
from annotation.services.campaigns import add_member, create_campaign, open_campaign
from annotation.services.corrections import CorrectionItem, submit_corrections
from annotation.services.questions import import_questions
from annotation.services.wordings import MOST_AT_ONCE, confirm_wordings
from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.archive.dicom.viewing_copy import write_viewing_copy
from mammo.archive.models import Image, Patient, Report, Study
from mammo.archive.pseudonyms import installation
from mammo.core.keys import key_store
from mammo.jobs import services as jobs
from mammo.jobs.models import Job

ANSWERS = ("您的乳腺密度为C类。", "您的乳腺密度为B类，请放心。", "建议六个月后复查，乳腺密度为C类。")


def patient_with_study(
    site: Site, number: str = "P001", accession: str = "A001", density: str = "C"
) -> Study:
    """A patient with one study of four views, each with a real viewing copy of 40 x 30 pixels."""
    keys = installation()
    patient, _made = Patient.objects.get_or_create(
        site=site,
        number_hash=keys.number_hash(site.code, number),
        defaults={"pseudonym": keys.pseudonym(site.code, number), "key_id": key_store().create()},
    )
    study = Study.objects.create(
        site=site,
        patient=patient,
        study_uid=f"2.25.{uuid.uuid4().int}",
        study_uid_hash=uuid.uuid4().hex,
        accession_hash=keys.accession_hash(site.code, accession),
        age=52,
        density=density,
        birads_left="2",
        birads_right="4A",
        birads_overall="4A",
        indication="体检",
    )
    Report.objects.create(
        study=study,
        language="zh",
        original="张三 右乳结节，BI-RADS 4A类，建议活检。",
        cleaned="右乳结节，BI-RADS 4A类，建议活检。",
        blanked="右乳结节，[BI-RADS]，建议活检。",
        blanked_strict="右乳结节。",
        sha256=uuid.uuid4().hex,
    )
    for laterality, view in (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")):
        _image(study, laterality, view)
    return study


def _image(study: Study, laterality: str, view: str) -> Image:
    sop = f"2.25.{uuid.uuid4().int}"
    name = f"{uuid.uuid4()}.dcm"
    path = Path(settings.MAMMO_VIEWING_COPIES) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.tile(np.linspace(0, 4095, 30).astype(np.uint16), (40, 1))
    uids = {"study": study.study_uid, "series": f"2.25.{uuid.uuid4().int}", "sop": sop}
    write_viewing_copy(path, pixels, bits_stored=12, laterality=laterality, view=view, uids=uids)
    return Image.objects.create(
        study=study,
        laterality=laterality,
        laterality_source="ImageLaterality",
        view=view,
        sop_uid=sop,
        sop_uid_hash=uuid.uuid4().hex,
        sha256=uuid.uuid4().hex,
        original=f"{name}.enc",
        viewing_copy=name,
        viewing_copy_sha256=uuid.uuid4().hex,
        rows=40,
        columns=30,
        window_center=2048,
        window_width=4096,
        procedure_version="test",
    )


def open_campaign_of(
    rita: User, juniors: Sequence[User], seniors: Sequence[User], name: str = "Spring", **settings_of: Any
) -> Campaign:
    """An open campaign with its members."""
    site = rita.sites_as("researcher").get()
    proposer = {"kind": "transformers", "path": "/models/tiny-glm", "name": "tiny GLM"}
    campaign = create_campaign(name, site=site, by_user=rita, proposer=proposer, seed=7, **settings_of)
    for user in juniors:
        add_member(campaign, user, Purpose.CORRECT, by_user=rita)
    for user in seniors:
        add_member(campaign, user, Purpose.PICK, by_user=rita)
    open_campaign(campaign, by_user=rita)
    return campaign


def row(
    text: str = "我的乳腺密度是多少？",
    number: int = 2,
    patient: str = "P001",
    accession: str = "A001",
    **other: Any,
) -> QuestionRow:
    """One row of a table of questions."""
    values = {"language": "zh", "source": "ward", "consent": "IC-1", "turns": (text,), **other}
    return QuestionRow(number=number, patient=patient, accession=accession, **values)


def ask(campaign: Campaign, *rows: QuestionRow) -> list[Question]:
    """Import rows and return the campaign's questions in order."""
    result = import_questions(campaign, rows or [row()], by_user=None, table_name="questions.csv")
    assert result.counts["rejected"] == 0, result.items
    confirm_all(campaign)
    return list(Question.objects.filter(campaign=campaign).order_by("position"))


def confirm_all(campaign: Campaign) -> None:
    """A data manager of the site reads the cleaned wordings and confirms them."""
    site = campaign.site
    keeper = User.objects.filter(username=f"keeper-{site.code}").first() or create_account(
        f"keeper-{site.code}",
        password="correct horse battery",
        display_name="Keeper",
        roles={"data_manager": [site]},
        by_user=None,
    )
    unread = Question.objects.filter(campaign=campaign, cleaned_by=None).values_list("pk", "version")
    while seen := dict(unread[:MOST_AT_ONCE]):
        confirm_wordings(site, seen, by_user=keeper)


def answer_rows(question: Question, texts: Sequence[str] = ANSWERS) -> list[dict[str, Any]]:
    """Rows of an answer file as the answering module writes them."""
    return [
        {
            "system": "proposer",
            "question": str(question.pk),
            "index": index,
            "text": text,
            "raw": f"{text}<|user|>",
            "seed": 1000 + index,
            "finish_reason": "stop",
            "prompt_sha256": "a" * 64,
            "revision": "b" * 64,
            "parameters": {"temperature": 0.9},
            "seconds": 0.5,
            "tokens": 12,
            "images": 0,
            "attempts": 1,
            "distinct": True,
        }
        for index, text in enumerate(texts)
    ]


def propose(campaign: Campaign, questions: Sequence[Question], texts: Sequence[str] = ANSWERS) -> Job:
    """Ask for proposals and store an answer file's rows as the worker would."""
    job = proposals.queue_proposals(campaign, by_user=None)
    assert job is not None
    rows = [line for question in questions for line in answer_rows(question, texts)]
    claimed = jobs.claim(job.pk, "test worker")
    assert claimed is not None
    jobs.finish(claimed, rows)
    for question in questions:
        question.refresh_from_db()
    return job


def settle(question: Question, junior: User, **how: Any) -> None:
    """A junior changes the first two proposals and leaves the third."""
    submit_corrections(question, by_user=junior, items=items_for(question), **how)
    question.refresh_from_db()


def items_for(question: Question) -> list[CorrectionItem]:
    """Items that settle all proposals: two changed (in each round otherwise), the last positively unchanged."""
    found = list(Proposal.objects.current(question))
    again = f"，第{question.round}轮" if question.round > 1 else ""
    changed = [
        CorrectionItem(proposal=p.pk, text=f"{p.text}（已核对{p.index}{again}）", error_tags=["wrong_fact"])
        for p in found[:-1]
    ]
    return [*changed, CorrectionItem(proposal=found[-1].pk, text=found[-1].text, no_change=True)]


def plain_row(text: str, number: int = 2, **other: Any) -> QuestionRow:
    """A question without patient or study: the cheapest one."""
    return row(text, number, patient="", accession="", **other)


def proposed(campaign: Campaign, count: int) -> list[Question]:
    """`count` questions without a study, with their proposals."""
    questions = ask(campaign, *[plain_row(f"第{i + 1}个问题？", i + 2) for i in range(count)])
    propose(campaign, questions)
    return questions
