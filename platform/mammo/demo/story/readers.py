"""Step of the story with reader studies: one read to its Table 7, one left open for the visitor."""

import io
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import transaction

from evaluation.models import ReaderStudy
from evaluation.services import protocols, readings
from evaluation.services import reader_studies as services
from evaluation.services.proven_studies import malignant_breasts
from mammo.accounts.models import User
from mammo.archive.models import SplitMembership, Study
from mammo.demo.scripted import draw, reads
from mammo.demo.story.context import Story
from mammo.demo.story.training import checkpoint_of
from mammo.demo.story.trials import ETHICS

STUDY = "Demo reader study · 演示阅片研究"
VISITOR_STUDY = "Reader study for you · 请您阅片的研究"
# A case is a biopsied breast; each is read alone and then at once with UMiCon's output.
MOST_STUDIES = 24
VISITOR_STUDIES = 4
ENDPOINT = {"endpoint": "auc", "first": "with_ai", "second": "alone", "hypothesis": "superiority"}
UMICON = "umicon_supervised"
FORMATS = ("csv", "tex", "html", "md")


def reader_studies(story: Story) -> dict[str, Any]:
    """Design, freeze, read and lock one, write its Table 7; open another for the visitors."""
    people = story.everybody
    known = _held_out(story)
    if not (known[True] and known[False]):
        # A quick demo's few held-out studies may all be of one kind; its notes and its last lines say so.
        reason = "the held-out studies hold no malignant or no other breast"
        story.say(f"      no reader study: {reason}")
        return {"left_out": reason, "tables": []}
    scripted = [*people.named("scripted-junior"), *people.named("scripted-rater")[:2]]
    study = _opened(story, STUDY, MOST_STUDIES, scripted)
    if study.state == ReaderStudy.State.READING:
        _read(story, study)
        study = services.lock_readings(study, by_user=people["rita"])
    visitors = [people["june"], people["sena"]]
    visiting = _opened(story, VISITOR_STUDY, VISITOR_STUDIES, visitors)
    tables = [str(path) for path in write_table_7(story)]
    return {"reader_study": str(study.pk), "for_visitors": str(visiting.pk), "tables": tables}


def write_table_7(story: Story) -> list[Path]:
    """Table 7 of the locked study in every format, through the ordinary command."""
    folder = story.folder / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind in FORMATS:
        paths.append(folder / f"table_7.{kind}")
        with redirect_stderr(io.StringIO()):  # it would tell its files and notes once for each format
            call_command("table", "7", reader_study=STUDY, simulated=True, format=kind, out=paths[-1])
    return paths


def _opened(story: Story, name: str, most: int, readers: list[User]) -> ReaderStudy:
    """Make, fill, freeze and open a study; each part is left alone when it is there."""
    people = story.everybody
    researcher = people["rita"]
    study = ReaderStudy.objects.filter(site=people.site, name=name).first() or _drafted(story, name)
    if study.state == ReaderStudy.State.DRAFT:
        _fill(story, study, most, readers)
        protocols.freeze_protocol(study.protocol, by_user=researcher)
        study = services.freeze_reader_study(study, by_user=researcher)
    if study.state == ReaderStudy.State.FROZEN:
        study = services.open_reading(study, by_user=researcher)
    return study


@transaction.atomic
def _drafted(story: Story, name: str) -> ReaderStudy:
    """A study with its protocol."""
    people = story.everybody
    protocol = protocols.create_protocol(
        f"Protocol · 方案: {name}",
        site=people.site,
        by_user=people["rita"],
        ethics_approval=ETHICS,
        consent_basis="synthetic patients",
        primary_endpoint=ENDPOINT,
        analysis_plan="AUC alone against with UMiCon; readers and cases random (Obuchowski-Rockette).",
    )
    return services.create_reader_study(
        name,
        protocol=protocol,
        by_user=people["rita"],
        checkpoint=checkpoint_of(story, UMICON),
        design=ReaderStudy.Design.SEQUENTIAL,
        prevalence_statement="About half of the breasts in this set are malignant. 本组约一半乳腺为恶性。",
        instructions=(
            "Mark the lesion, give a category and a chance; then once more with the output.\n"
            "请标出病灶，给出分类和恶性可能性；随后参考模型输出再做一次。"
        ),
        seed=story.seed,
    )


def _fill(story: Story, study: ReaderStudy, most: int, readers: list[User]) -> None:
    researcher = story.everybody["rita"]
    if not study.cases.exists():
        known, half = _held_out(story), most // 2
        services.add_cases(study, [*known[True][:half], *known[False][:half]], by_user=researcher)
    reading = set(study.readers.values_list("user", flat=True))
    for user in readers:
        if user.pk not in reading:
            services.add_reader(study, user, by_user=researcher)


def _held_out(story: Story) -> dict[bool, list[Study]]:
    """Biopsied studies of the test side of UMiCon's split, by whether a breast is malignant."""
    snapshot = checkpoint_of(story, UMICON).run.snapshot
    if snapshot is None or snapshot.split is None:
        raise RuntimeError("the demo's UMiCon has no split")
    test = snapshot.split.members.filter(side=SplitMembership.Side.TEST).values("patient")
    rows = Study.objects.filter(site=story.everybody.site, patient__in=test, pathology__isnull=False)
    found: dict[bool, list[Study]] = {True: [], False: []}
    for row in rows.distinct().order_by("accession_hash"):
        found[any(malignant_breasts(row).values())].append(row)
    return found


def _read(story: Story, study: ReaderStudy) -> None:
    """Every scripted reader reads every case: alone, then with the output."""
    total = sum(reader.slots.count() for reader in study.readers.all())
    done = 0
    for reader in study.readers.select_related("user").order_by("user__username"):
        if reader.consented_at is None:
            readings.consent_to_read(reader, by_user=reader.user)
        for slot in reader.slots.select_related("case__study").order_by("position"):
            done += 1
            if readings.standing_reading(slot) is None:
                case = slot.case
                rng = draw(story.seed, reader.user.username, str(case.study.accession_hash), case.laterality)
                output = case.output["malignancy"][case.laterality] if readings.is_assisted(slot) else None
                given = reads(
                    case.truth,
                    case.laterality,
                    rng,
                    senior=reader.group == "senior",
                    output=output,
                    finding=story.facts_of(case.study.accession_hash).finding,
                )
                seconds = round(rng.uniform(15, 90), 1)
                readings.record_reading(slot, given, by_user=reader.user, seconds=seconds)
            story.advance(done, total)
