"""What the demo builds when nothing is asked for, and how well the lesions in its pictures show."""

import inspect
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from django.core.management.base import CommandError

from mammo.core.errors import UserError
from mammo.demo import hospital
from mammo.demo.hospital import HospitalStudy
from mammo.demo.management.commands.demo import Command
from mammo.demo.progress import Progress
from mammo.demo.story.context import Story
from mammo.demo.story.data import build_hospital
from modeling.data.phantom_anatomy import VIEWS
from modeling.data.phantom_rendering import render_view


def story_of(*arguments: str) -> Story:
    """The story that `demo` would run with these arguments."""
    command = Command()
    return command._story(**vars(command.create_parser("manage.py", "demo").parse_args(list(arguments))))


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        ((), (300, 240, "easy")),
        (("--quick",), (36, 30, "easy")),
        (("--studies", "50", "--patients", "40", "--conspicuity", "hard"), (50, 40, "hard")),
    ],
)
def test_the_size_of_the_hospital_is_the_usual_one_where_none_is_given(
    arguments: tuple[str, ...], size: tuple[int, int, str]
) -> None:
    story = story_of(*arguments)
    assert (story.studies, story.patients, story.conspicuity) == size


def test_a_hospital_has_300_studies_of_240_patients_at_1008_by_800_where_nothing_is_said() -> None:
    usual = {name: one.default for name, one in inspect.signature(hospital.build).parameters.items()}
    told = {name: usual[name] for name in ("studies", "patients", "height", "width", "conspicuity")}
    assert told == {"studies": 300, "patients": 240, "height": 1008, "width": 800, "conspicuity": "easy"}


def test_the_story_builds_the_hospital_that_was_asked_for() -> None:
    story = Story(
        seed=4, studies=2, patients=2, quick=True, say=print, progress=Progress(), conspicuity="hard"
    )
    build_hospital(story)
    built = json.loads((story.hospital / "hospital.json").read_text("utf-8"))
    assert (built["seed"], built["studies"], built["patients"], built["conspicuity"]) == (4, 2, 2, "hard")
    files = sorted((story.hospital / "dicom").glob("*/*.dcm"))
    assert len(files) == 8
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in files]
    assert {(header.Rows, header.Columns) for header in headers} == {(1008, 800)}


def test_an_unknown_conspicuity_is_refused_with_the_choices() -> None:
    with pytest.raises(
        CommandError, match=r"--conspicuity: invalid choice: 'faint' \(choose from .*easy.*hard"
    ):
        story_of("--conspicuity", "faint")


def test_a_demo_with_other_lesions_is_refused_and_one_from_before_the_choice_is_easy() -> None:
    before = story_of("--quick")
    with pytest.raises(UserError, match="holds a demo of another size"):
        story_of("--quick", "--conspicuity", "hard")
    del before.progress.notes["size"]["conspicuity"]
    before.progress.save()
    assert story_of("--quick").conspicuity == "easy"


def added_brightness(study: HospitalStudy, conspicuity: str) -> float:
    """What the lesions of a study add to the brightness of its four views, summed up over pixels (0 to 1 each)."""
    without = replace(study, plan=replace(study.plan, planned=()))
    total = 0.0
    for side, view in VIEWS:
        seen, bare = (
            render_view(hospital._phantom(one, conspicuity), side, view, height=126, width=100)
            for one in (study, without)
        )
        total += float(np.clip(seen - bare, 0, None).sum())
    return total


def test_a_hard_lesion_adds_less_brightness_than_an_easy_one() -> None:
    planned = hospital.plan_hospital(random.Random(7), studies=12, patients=12)
    biopsied = [study for study in planned if study.plan.pathology][:4]
    assert len(biopsied) == 4
    for study in biopsied:
        hard, easy = (added_brightness(study, name) for name in ("hard", "easy"))
        assert 0 < hard < 0.5 * easy


def test_the_files_of_an_easy_hospital_are_brighter_where_lesions_are_and_equal_elsewhere(
    tmp_path: Path,
) -> None:
    easy, hard = (
        hospital.build(
            tmp_path / name,
            seed=11,
            studies=12,
            patients=12,
            conspicuity=name,
            height=126,
            width=100,
            processes=1,
        )
        for name in ("easy", "hard")
    )
    views = {True: 0, False: 0}
    for study in json.loads((easy / "truth.json").read_text("utf-8"))["studies"]:
        for path in sorted((easy / "dicom" / study["accession"]).glob("*.dcm")):
            one, other = (pydicom.dcmread(folder / path.relative_to(easy)) for folder in (easy, hard))
            more = int(one.pixel_array.astype(int).sum() - other.pixel_array.astype(int).sum())
            has_lesion = (
                study["finding"] is not None and study["finding"]["laterality"] == one.ImageLaterality
            )
            assert more > 0 if has_lesion else more == 0, path
            views[has_lesion] += 1
    assert min(views.values()) >= 12
