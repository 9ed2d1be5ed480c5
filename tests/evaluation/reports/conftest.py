"""Fixtures of the report tests: a small archive with pathology, and a reader study on it."""

import numpy as np
import pytest

from evaluation.models import Reader, ReaderStudy, ReaderStudyCase, Reading, ReadingSlot
from mammo.accounts.models import Site, User
from mammo.archive.models import Pathology, Study
from tests.evaluation import scene
from tests.evaluation.reading_scene import resealed
from tests.evaluation.reports.prediction_scene import DENSITIES


@pytest.fixture
def archive(site: Site) -> list[Study]:
    """Twelve patients, one study each: densities in turn, categories, both breasts biopsied of every second one."""
    studies = []
    for number in range(12):
        study = scene.patient_with_study(site, f"P{number:03d}", f"A{number:03d}")
        study.density = DENSITIES[number % 4]
        study.birads_right = study.birads_overall = ("3", "4A", "4B", "4C", "2", "0")[number % 6]
        study.birads_left = "4A" if number % 2 else "3"
        study.age = 35 + 4 * number
        study.save()
        for side in ("R", "L") if number % 2 else ("R",):
            result = "malignant" if (number + (side == "L")) % 3 == 0 else "benign"
            Pathology.objects.create(study=study, laterality=side, method="core_biopsy", result=result)
        studies.append(study)
    return studies


@pytest.fixture
def reader_study(archive: list[Study], rita: User, site: Site) -> ReaderStudy:
    """Four readers, two conditions, twelve cases; locked."""
    study = ReaderStudy.objects.create(
        site=site,
        protocol=scene.frozen_protocol(rita),
        name="Readers",
        state="draft",
        conditions=[{"key": "alone", "name": "alone"}, {"key": "ai", "name": "with UMiCon"}],
        seed=3,
        by_user=rita,
    )
    cases = [
        ReaderStudyCase.objects.create(
            reader_study=study, study=row, laterality="R", truth=place % 2 == 0, position=place + 1
        )
        for place, row in enumerate(archive)
    ]
    rng = np.random.default_rng(5)
    for number in range(4):
        user = scene.person(site, f"Reader{number}")
        reader = Reader.objects.create(
            reader_study=study, user=user, group="junior" if number < 2 else "senior"
        )
        for turn, condition in enumerate(("alone", "ai")):
            for case in cases:
                slot = ReadingSlot.objects.create(
                    reader=reader, case=case, condition=condition, position=turn * 12 + case.position
                )
                likelihood = int(
                    np.clip(35 + 25 * case.truth + 10 * turn * case.truth + rng.normal(0, 18), 0, 100)
                )
                category = "4A" if likelihood > 45 else "3"
                Reading.objects.create(
                    slot=slot,
                    by_user=user,
                    category=category,
                    likelihood=likelihood,
                    is_simulated=number == 3,
                )
    return resealed(study, state="locked")
