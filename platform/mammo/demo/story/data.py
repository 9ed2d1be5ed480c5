"""Steps of the story up to the questions: hospital, people, import, split, campaigns."""

import csv
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import transaction

from annotation.models import Campaign, Purpose, Question
from annotation.question_table import read_question_table
from annotation.services.campaigns import add_member, create_campaign, open_campaign
from annotation.services.questions import import_questions
from annotation.services.wordings import MOST_AT_ONCE, confirm_wordings
from mammo.accounts.models import User
from mammo.archive.models import Split, SplitMembership, Study
from mammo.archive.pseudonyms import installation
from mammo.archive.services import import_pathology, import_studies
from mammo.core.errors import StaleVersionError
from mammo.demo import hospital
from mammo.demo.people import SITE, ensure_people
from mammo.demo.questions import question_kind
from mammo.demo.story.context import Story
from modeling.services import create_split

# Names that read in both languages: they stand on pages of either.
CAMPAIGN = "Demo questions · 演示问题"
TRIAL_CAMPAIGN = "Trial questions · 试验问题"
SPLIT = "demo"
TRIAL_QUESTIONS = 24
INSTRUCTIONS = (
    "**Juniors** correct what is wrong against the images and the report: density, side, category, advice. Leave good "
    "wording alone. Mark a proposal that needs nothing as “no change needed”. **Seniors** pick the answer that is right "
    "and helps her most.\n\n"
    "**低年资医师**对照图像和报告修改错误：密度、侧别、分类、建议。措辞得当之处保持原样；无需修改的答案请标记“无需修改”。"
    "**高年资医师**选出正确且对患者最有帮助的答案。"
)


def build_hospital(story: Story) -> dict[str, Any]:
    """Render and write the synthetic hospital."""
    hospital.build(
        story.hospital,
        seed=story.seed,
        studies=story.studies,
        patients=story.patients,
        conspicuity=story.conspicuity,
        progress=story.advance,
    )
    return {"studies": story.studies, "patients": story.patients}


def make_people(story: Story) -> dict[str, Any]:
    """Make site and accounts."""
    story.people = ensure_people()
    return {"accounts": len(story.people.by_name)}


def bring_in(story: Story) -> dict[str, Any]:
    """Import the hospital through the ordinary services."""
    people = story.everybody
    batch = import_studies(
        [story.hospital / "dicom"],
        site=people.site,
        reports=story.hospital / "reports.csv",
        by_user=people["dana"],
        is_simulated=True,
        progress=story.advance,
    )
    pathology = import_pathology(
        story.hospital / "pathology.csv", site=people.site, by_user=people["dana"], is_simulated=True
    )
    if held := batch.counts.get("quarantined"):
        story.say(
            f"      {held} images wait in quarantine: signs that may be text; a data manager decides (dana)"
        )
    return {"images": batch.counts, "pathology": pathology.counts}


def bring_questions(story: Story) -> dict[str, Any]:
    """Split the patients, and bring in their questions: those of the trial apart."""
    people = story.everybody
    split = Split.objects.filter(name=SPLIT, site=people.site).first() or create_split(
        SPLIT,
        site=people.site,
        purpose="all stages of the demonstration",
        shares={"train": 0.7, "validation": 0.1, "test": 0.2},
        seed=story.seed,
        by_user=people["rita"],
        is_simulated=True,
    )
    tables = _divide_questions(story, split)
    counts = {}
    for name, table in tables.items():
        campaign = _campaign(story, name)
        result = import_questions(
            campaign, read_question_table(table), by_user=people["dana"], table_name=table.name
        )
        counts[name] = result.counts
        _confirm_wordings(campaign, people["dana"])
    return {"questions": counts}


def _confirm_wordings(campaign: Campaign, keeper: User) -> None:
    """The scripted data manager confirms the cleaned wordings, as many at a time as the service takes."""
    unread = Question.objects.filter(campaign=campaign, cleaned_by=None).order_by("position")
    while seen := dict(unread.values_list("pk", "version")[:MOST_AT_ONCE]):
        with suppress(StaleVersionError):  # the visiting data manager read some of these: look again
            confirm_wordings(campaign.site, seen, by_user=keeper)


def _divide_questions(story: Story, split: Split) -> dict[str, Path]:
    """Write the trial's questions (of test patients, half of them about density) apart from the others."""
    with (story.hospital / "questions.csv").open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    for_trial = _trial_rows(rows, _tested_accessions(split))
    tables = {}
    for name in (CAMPAIGN, TRIAL_CAMPAIGN):
        tables[name] = story.folder / f"{_english(name).lower().replace(' ', '_')}.csv"
        with tables[name].open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(
                row for number, row in enumerate(rows) if (number in for_trial) == (name == TRIAL_CAMPAIGN)
            )
    return tables


def _english(name: str) -> str:
    return name.partition(" · ")[0]


def _tested_accessions(split: Split) -> set[str]:
    tested = SplitMembership.objects.filter(split=split, side="test").values("patient")
    return set(Study.objects.filter(patient__in=tested).values_list("accession_hash", flat=True))


def _trial_rows(rows: list[dict[str, str]], tested: set[str]) -> set[int]:
    """Numbers of the rows that go to the trial: one question per test patient, a second where too few."""
    hashed = installation().accession_hash
    candidates = [n for n, row in enumerate(rows) if hashed(SITE, row["accession"]) in tested]
    room = {True: TRIAL_QUESTIONS // 2, False: TRIAL_QUESTIONS - TRIAL_QUESTIONS // 2}
    taken: set[int] = set()
    asked: dict[str, int] = {}
    for most in (1, 2):
        for number in candidates:
            row = rows[number]
            is_density = question_kind(_turns(row)) == "density"
            if number in taken or room[is_density] == 0 or asked.get(row["patient"], 0) >= most:
                continue
            # Density questions come first in each study: every second patient gives another one.
            if most == 1 and is_density != (len(asked) % 2 == 0):
                continue
            taken.add(number)
            room[is_density] -= 1
            asked[row["patient"]] = asked.get(row["patient"], 0) + 1
    return taken


def _turns(row: dict[str, str]) -> list[str]:
    return list(json.loads(row["turns"]))


@transaction.atomic
def _campaign(story: Story, name: str) -> Campaign:
    """The campaign of this name: with its members and open, or not there."""
    people = story.everybody
    found = Campaign.objects.filter(site=people.site, name=name).first()
    if found is not None:
        return found
    campaign = create_campaign(
        name,
        site=people.site,
        by_user=people["rita"],
        # Named before the first proposal by the step that trains the small language model.
        proposer={"kind": "transformers", "path": str(story.folder / "not-trained-yet")},
        parameters={"temperature": 0.9, "top_p": 0.95, "max_new_tokens": 80},
        instructions=INSTRUCTIONS,
        seed=story.seed,
    )
    if name == CAMPAIGN:
        for user in (people["june"], *people.named("scripted-junior")):
            add_member(campaign, user, Purpose.CORRECT, by_user=people["rita"])
        for user in (people["sena"], *people.named("scripted-senior")):
            add_member(campaign, user, Purpose.PICK, by_user=people["rita"])
        open_campaign(campaign, by_user=people["rita"])
    return campaign


def campaign_questions(story: Story, name: str) -> list[Question]:
    """Questions of one of the demo's campaigns, in order."""
    campaign = Campaign.objects.get(site=story.everybody.site, name=name)
    return list(
        Question.objects.filter(campaign=campaign)
        .select_related("campaign__site", "patient", "study")
        .order_by("position")
    )
