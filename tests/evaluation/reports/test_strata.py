"""`--by`: each of the ten tables answers by every stratum, on the command line and on its page."""

import re
from itertools import product

import pytest
from django.test import Client
from django.urls import reverse

from evaluation.models import ReaderStudy, Trial
from evaluation.reports.strata import STRATA
from evaluation.services.scoring import lock_trial
from mammo.accounts.models import Site, User
from mammo.archive.models import Report, Split, SplitMembership, Study
from modeling.models import Run, Snapshot
from tests.evaluation import scene
from tests.evaluation.reports.prediction_scene import DENSITIES, malignancy_run, predict, run_of
from tests.evaluation.reports.test_table_1 import refusal, table

# What the labels of a table's rows say of the archive's studies.
NAMED = {
    "density": {"A", "B", "C", "D"},
    "language": {"zh", "en"},
    "finding": {"mass", "calcification"},
    "vendor": {"Hologic", "GE"},
}


@pytest.fixture
def hospital(archive: list[Study], site: Site, reader_study: ReaderStudy) -> list[Study]:
    """The archive with reports and vendors, a reader study, and a run for each table of runs."""
    for place, study in enumerate(archive):
        text, language = (("左乳见肿块。", "zh"), ("Grouped calcifications.", "en"))[place // 2 % 2]
        Report.objects.create(
            study=study, language=language, original=text, cleaned=text, blanked=text, sha256=f"{place:064d}"
        )
        Study.objects.filter(pk=study.pk).update(vendor=("Hologic", "GE")[place // 2 % 2])
    encoder = run_of(site, "encoder_probe", selector="dinov2")
    screener = run_of(site, "sft", variant="MammoVLM", batch_size=24, learning_rate=1e-5, epochs=3)
    for place, study in enumerate(archive):
        for density in DENSITIES:
            predict(encoder, study, f"density_{density}", 0.1 * place + (study.density == density))
        predict(screener, study, "malignancy", (place * 5 % 12) / 12)
    malignancy_run(site, archive)
    snapshot = Snapshot.objects.create(site=site, name="trained on", content_hash="b" * 64)
    snapshot.patients.set([study.patient for study in archive])
    Run.objects.update(snapshot=snapshot)
    return archive


@pytest.fixture
def locked(trial: Trial, rita: User) -> Trial:
    """A trial scored and locked."""
    scene.score_all(trial)
    return lock_trial(trial, by_user=rita)


def strata_of(labels: list[str], by: str) -> set[str]:
    """What stands behind ` · density ` in the labels; every label has one."""
    found = [label.rpartition(f" · {by} ")[2] for label in labels if f" · {by} " in label]
    assert len(found) == len(labels)
    return set(found)


@pytest.mark.slow
def test_every_table_of_the_archive_and_of_runs_answers_by_every_stratum(
    hospital: list[Study], stan: User
) -> None:
    client = Client()
    client.force_login(stan)
    for number, by in product(range(4, 11), STRATA):
        more = ("--reader-study", "Readers") if number == 7 else ()
        found = table(number, "--by", by, *more)
        labels = strata_of([row["label"] for row in found["rows"] if " · " in row["label"]], by)
        assert labels >= NAMED.get(by, set()), (number, by, labels)
        assert "not recorded" not in labels, (number, by)
        page = client.get(reverse("evaluation:any-table", args=[number]), {"by": by}).content.decode()
        assert re.search(rf'<option value="{by}"\s+selected', page), (number, by)
        for label in NAMED.get(by, ()):
            assert f"{by} {label}" in page, (number, by)


@pytest.mark.slow
def test_every_table_of_a_trial_answers_by_every_stratum(locked: Trial, stan: User) -> None:
    client = Client()
    client.force_login(stan)
    for number, by in product((1, 2, 3), STRATA):
        found = table(number, "--trial", locked.name, "--by", by)
        assert strata_of([row["label"] for row in found["rows"]], by)
        page = client.get(reverse("evaluation:table-page", args=[locked.pk, number]), {"by": by})
        assert f" · {by} " in page.content.decode()


def test_table_5_counts_the_studies_that_a_run_was_trained_on(
    hospital: list[Study], site: Site, reader_study: ReaderStudy
) -> None:
    split = Split.objects.create(site=site, name="halves", seed=1)
    for place, study in enumerate(hospital):
        side = SplitMembership.Side.TEST if place < 2 else SplitMembership.Side.TRAIN
        SplitMembership.objects.create(split=split, patient=study.patient, side=side)
    Snapshot.objects.update(split=split)
    found = table(5, "--by", "density", "--paper")
    counts = {
        row["label"]: row["cells"]["studies"]["value"] for row in found["rows"] if "MammoVLM" in row["label"]
    }
    # Three of each density; the first of A and the first of B are tested on.
    assert [count for _label, count in sorted(counts.items())] == [2, 2, 3, 3]
    assert all(row["cells"]["epochs"] for row in found["rows"])
    assert not any(column["paper"] for column in found["columns"])
    assert any("one setting for all its studies" in note for note in found["notes"])
    Run.objects.update(snapshot=None)
    untold = table(5, "--by", "density")
    assert {row["cells"]["studies"] for row in untold["rows"]} == {"not recorded"}


def test_a_stratum_that_there_is_not_is_refused_by_every_table(locked: Trial) -> None:
    for number in range(1, 11):
        more = ("--trial", locked.name) if number < 4 else ()
        assert "no such stratum; known: density" in refusal(number, "--by", "moon", *more)
