"""Builds the demo's hospital: DICOM files, reports, pathology, questions and the truth, from one seed.

folder/dicom/<accession>/IM1.dcm .. IM4.dcm   L CC, L MLO, R CC, R MLO
folder/reports.csv  pathology.csv  questions.csv   columns as `import_studies` and its sisters expect
folder/truth.json   what the images show, for scripted people; never imported
folder/hospital.json   parameters; written last, so that a folder holding it is complete
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from mammo.demo.dicom import VENDORS, StudyHeader, write_view
from mammo.demo.pathology import COLUMNS as PATHOLOGY_COLUMNS
from mammo.demo.pathology import pathology_row
from mammo.demo.patients import (
    DemoPatient,
    age_on,
    draw_day,
    draw_doctors,
    draw_patients,
    draw_uid,
)
from mammo.demo.questions import COLUMNS as QUESTION_COLUMNS
from mammo.demo.questions import draw_study_questions, question_row
from mammo.demo.reports import ReportFacts, draw_history, draw_indication, write_report
from modeling.data.phantom_anatomy import VIEWS, Phantom, resolve_conspicuity
from modeling.data.phantom_rendering import render_view
from modeling.data.phantom_texts import Language
from modeling.data.phantoms import (
    PlannedStudy,
    draw_phantom,
    image_facts,
    plan_study,
    reported_findings,
)

FORMAT = 1
QUESTIONS_PER_STUDY = 4
# Of 300 studies 234 have a biopsied breast, given as many patients: small networks learn from them.
BIOPSIED_SHARE = 0.78
REPORT_COLUMNS = ("patient", "accession", "study_uid", "date", "text")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class HospitalStudy:
    """One planned study of one patient."""

    patient: DemoPatient
    header: StudyHeader
    instance_uids: tuple[str, ...]
    plan: PlannedStudy
    anatomy_seed: int  # the patient's: her breasts look the same at every visit
    language: Language
    prior: tuple[date, str] | None


def build(
    folder: Path | str,
    *,
    seed: int,
    studies: int = 300,
    patients: int = 240,
    conspicuity: str = "easy",
    height: int = 1008,
    width: int = 800,
    processes: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Build the hospital under `folder` and return it; the same arguments give the same bytes.

    A finished folder with the same parameters is left as it is. progress(done, total) is called per study.
    Raises ValueError when the numbers cannot be met or the folder holds another hospital.
    """
    target = Path(folder)
    resolve_conspicuity(conspicuity)
    if not 1 <= patients <= studies <= 2 * patients:
        raise ValueError(
            f"studies={studies}, patients={patients}: a patient has one or two studies, so studies must lie "
            f"between {patients} and {2 * patients}"
        )
    parameters = {
        "format": FORMAT,
        "seed": seed,
        "studies": studies,
        "patients": patients,
        "conspicuity": conspicuity,
        "height": height,
        "width": width,
    }
    if _is_built(target, parameters):
        return target
    unfinished = target.with_name(target.name + ".partial")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed
    try:
        unfinished.mkdir(parents=True)
        rng = random.Random(f"demo hospital {seed}")  # noqa: S311 (invented cases, not secrets)
        planned = plan_hospital(rng, studies=studies, patients=patients)
        _write_tables(unfinished, planned, rng, conspicuity)
        _write_images(unfinished, planned, conspicuity, (height, width), processes, progress)
        _write_json(unfinished / "hospital.json", parameters)
        if target.exists():
            target.rmdir()  # empty: _is_built refused any other
        os.replace(unfinished, target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return target


def _is_built(target: Path, parameters: Mapping[str, Any]) -> bool:
    marker = target / "hospital.json"
    if marker.is_file():
        found = json.loads(marker.read_text(encoding="utf-8"))
        if found == parameters:
            return True
        raise ValueError(f"{target} holds another hospital ({found}): choose another folder or remove it")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target} exists and is not a demo hospital: choose another folder")
    return False


def plan_hospital(rng: random.Random, *, studies: int, patients: int) -> list[HospitalStudy]:
    """Every study in the order of its date; a returning patient was not biopsied at her first visit."""
    people = draw_patients(rng, patients)
    returning = set(rng.sample(range(patients), studies - patients))
    biopsied = set(rng.sample(range(patients), min(patients, round(BIOPSIED_SHARE * studies))))
    planned: list[HospitalStudy] = []
    for index, person in enumerate(people):
        anatomy_seed, day = rng.getrandbits(31), draw_day(rng)
        plan = plan_study(rng, biopsied=index in biopsied)
        prior: tuple[date, str] | None = None
        if index in returning:
            first_plan = plan_study(rng, density=plan.density, biopsied=False)
            first_day = day - timedelta(days=rng.randint(170, 400))
            planned.append(_plan_visit(rng, person, first_plan, anatomy_seed, first_day, None))
            prior = (first_day, first_plan.overall)
        planned.append(_plan_visit(rng, person, plan, anatomy_seed, day, prior))
    return sorted(planned, key=lambda study: (study.header.day, study.header.accession))


def _plan_visit(
    rng: random.Random,
    person: DemoPatient,
    plan: PlannedStudy,
    anatomy_seed: int,
    day: date,
    prior: tuple[date, str] | None,
) -> HospitalStudy:
    language: Language = "en" if person.language == "en" else "zh"
    side = next(iter(plan.pathology), None)
    header = StudyHeader(
        patient_number=person.number,
        patient_name=person.name,
        birth=person.birth,
        phone=person.phone,
        accession=f"A{day:%y%m%d}{rng.randrange(100_000):05d}",
        study_uid=draw_uid(rng),
        series_uid=draw_uid(rng),
        day=day,
        age=age_on(day, person.birth),
        indication=draw_indication(rng, language, side),
        vendor=rng.choice(VENDORS),
        doctor=draw_doctors(rng, language)[0],
        history=draw_history(rng, language),
    )
    return HospitalStudy(
        patient=person,
        header=header,
        instance_uids=tuple(draw_uid(rng) for _ in VIEWS),
        plan=plan,
        anatomy_seed=anatomy_seed,
        language=language,
        prior=prior,
    )


def _phantom(study: HospitalStudy, conspicuity: str) -> Phantom:
    return draw_phantom(
        study.anatomy_seed,
        density=study.plan.density,
        planned=study.plan.planned,
        conspicuity=conspicuity,
        texture_seed=study.plan.seed,
    )


def _write_tables(
    folder: Path, planned: Sequence[HospitalStudy], rng: random.Random, conspicuity: str
) -> None:
    reports: list[dict[str, str]] = []
    pathology: list[dict[str, str]] = []
    questions: list[dict[str, str]] = []
    truth: list[dict[str, Any]] = []
    for study in planned:
        phantom, header = _phantom(study, conspicuity), study.header
        keys = {"patient": header.patient_number, "accession": header.accession}
        text = _report_text(study, phantom, rng)
        reports.append({**keys, "study_uid": header.study_uid, "date": header.day.isoformat(), "text": text})
        for side, outcome in study.plan.pathology.items():
            pathology.append(pathology_row(rng, **keys, studied=header.day, side=side, outcome=outcome))
        for question in draw_study_questions(rng, study.language, QUESTIONS_PER_STUDY):
            questions.append(question_row(rng, question, **keys, number=len(questions) + 1))
        truth.append(_truth(study, phantom))
    _write_csv(folder / "reports.csv", REPORT_COLUMNS, reports)
    _write_csv(folder / "pathology.csv", PATHOLOGY_COLUMNS, pathology)
    _write_csv(folder / "questions.csv", QUESTION_COLUMNS, questions)
    _write_json(folder / "truth.json", {"format": FORMAT, "studies": truth})


def _report_text(study: HospitalStudy, phantom: Phantom, rng: random.Random) -> str:
    doctors = draw_doctors(rng, study.language) if rng.random() < 0.5 else None
    facts = ReportFacts(
        density=study.plan.density,
        findings=reported_findings(phantom, study.plan.described_suspicious),
        birads=study.plan.birads,
        indication=study.header.indication,
        history=study.header.history,
        prior=study.prior,
        doctors=doctors,
    )
    return write_report(facts, study.language, rng)


def _truth(study: HospitalStudy, phantom: Phantom) -> dict[str, Any]:
    facts = image_facts(phantom)
    return {
        "patient": study.header.patient_number,
        "accession": study.header.accession,
        "study_uid": study.header.study_uid,
        "density": facts.density,
        "category": facts.category,
        "finding": None if facts.finding is None else asdict(facts.finding),
        "pathology": dict(study.plan.pathology),
        "reported": {
            "left": study.plan.birads["L"],
            "right": study.plan.birads["R"],
            "overall": study.plan.overall,
        },
    }


def _write_images(
    folder: Path,
    planned: Sequence[HospitalStudy],
    conspicuity: str,
    size: tuple[int, int],
    processes: int | None,
    progress: Progress | None,
) -> None:
    processes = processes or min(4, os.cpu_count() or 1)
    write = partial(_write_study, folder, conspicuity, size)
    if processes == 1:
        _count(map(write, planned), len(planned), progress)
        return
    # Spawned, not forked: the caller may hold threads and database connections.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        _count(pool.map(write, planned, chunksize=4), len(planned), progress)


def _count(finished: Iterable[None], total: int, progress: Progress | None) -> None:
    for done, _ in enumerate(finished, start=1):
        if progress is not None:
            progress(done, total)


def _write_study(folder: Path, conspicuity: str, size: tuple[int, int], study: HospitalStudy) -> None:
    """Render and write the four files of one study (runs in a worker process)."""
    phantom = _phantom(study, conspicuity)
    place = folder / "dicom" / study.header.accession
    place.mkdir(parents=True)
    for number, ((side, view), uid) in enumerate(zip(VIEWS, study.instance_uids, strict=True), start=1):
        write_view(
            place / f"IM{number}.dcm",
            render_view(phantom, side, view, height=size[0], width=size[1]),
            study.header,
            laterality=side,
            view=view,
            instance_uid=uid,
            number=number,
        )


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
