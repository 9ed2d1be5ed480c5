"""What the tests of reader studies stand on: proven cases, a checkpoint that judged them, readers."""

from collections.abc import Sequence
from typing import Any

from evaluation.models import Reader, ReaderStudy
from evaluation.services import reader_studies as services
from evaluation.services.readings import consent_to_read
from mammo.accounts.models import Site, User
from mammo.archive.models import Pathology, Study
from modeling.models import Checkpoint, Prediction, Run, Snapshot
from tests.evaluation import scene


def checkpoint_of(site: Site, name: str = "cases") -> Checkpoint:
    """A checkpoint of a finished run."""
    snapshot = Snapshot.objects.create(site=site, name=name, folder="none", content_hash="e" * 64)
    run = Run.objects.create(site=site, stage="umicon_supervised", snapshot=snapshot)
    return Checkpoint.objects.create(run=run, folder="none", sha256="f" * 64)


def proven_studies(site: Site, checkpoint: Checkpoint, count: int = 8, name: str = "R") -> list[Study]:
    """Studies whose left breast is proven, malignant in every second, with a prediction of it."""
    made = []
    for number in range(count):
        study = scene.patient_with_study(site, f"{name}{number:03d}", f"{name}-{number:03d}")
        is_malignant = number % 2 == 0
        Pathology.objects.create(
            study=study,
            laterality="L",
            method="core_biopsy",
            result="malignant" if is_malignant else "benign",
        )
        Prediction.objects.create(
            checkpoint=checkpoint,
            unit_kind="breast",
            unit=f"{study.pk}:L",
            study=study,
            laterality="L",
            kind="malignancy",
            method="image",
            value=0.8 if is_malignant else 0.2,
        )
        made.append(study)
    return made


def draft_study(rita: User, readers: Sequence[User], count: int = 8, **settings: Any) -> ReaderStudy:
    """A draft with cases and readers."""
    site = rita.sites_as("researcher").get()
    name = settings.pop("name", "Readers")
    checkpoint = checkpoint_of(site, name)
    study = services.create_reader_study(
        name,
        protocol=scene.frozen_protocol(rita, **settings.pop("protocol", {})),
        by_user=rita,
        checkpoint=checkpoint,
        seed=3,
        **settings,
    )
    services.add_cases(study, proven_studies(site, checkpoint, count, name), by_user=rita)
    for person in readers:
        services.add_reader(study, person, by_user=rita)
    return study


def open_study(rita: User, readers: Sequence[User], count: int = 8, **settings: Any) -> ReaderStudy:
    """A reader study that is open; every reader has agreed to its conditions."""
    study = draft_study(rita, readers, count, **settings)
    opened(study, rita)
    return ReaderStudy.objects.get(pk=study.pk)


def resealed(study: ReaderStudy, **changes: Any) -> ReaderStudy:
    """The study as if it had been frozen with what its rows say now, and with these changes."""
    ReaderStudy.objects.filter(pk=study.pk).update(**changes)
    changed = ReaderStudy.objects.get(pk=study.pk)
    ReaderStudy.objects.filter(pk=study.pk).update(design_sha256=services.reader_study_hash(changed))
    return ReaderStudy.objects.get(pk=study.pk)


def opened(study: ReaderStudy, rita: User) -> Reader:
    """The draft, frozen and open; every reader has agreed to its conditions. Returns the first reader."""
    services.freeze_reader_study(study, by_user=rita)
    services.open_reading(study, by_user=rita)
    for reader in study.readers.select_related("user"):
        consent_to_read(reader, by_user=reader.user)
    return study.readers.order_by("created_at").first()
