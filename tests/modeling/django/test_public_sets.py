"""A public data set that the archive imported becomes a training set like the hospital's own."""

from pathlib import Path

import numpy as np

from annotation.services.splits import create_split
from mammo.accounts.models import Site, User
from mammo.archive.dataset_import import import_dataset
from mammo.archive.datasets import DATASETS
from mammo.archive.models import Study
from mammo.jobs import services as jobs
from modeling.data.snapshot import open_snapshot
from modeling.services import create_snapshot
from modeling.services.snapshots import build_request
from tests.mammo.archive.files import mammogram
from tests.mammo.archive.test_datasets import BARE
from tests.modeling.django.test_snapshots import built

PATIENTS = 10
COLUMNS = (
    "site_id,patient_id,image_id,laterality,view,age,cancer,biopsy,invasive,BIRADS,implant,density,machine_id,"
    "difficult_negative_case"
)


def rsna(root: Path) -> None:
    """Ten patients of RSNA's layout, each with a left CC and a right MLO; every second right breast has cancer."""
    lines = [COLUMNS]
    for patient in range(PATIENTS):
        for image, (side, view) in enumerate((("L", "CC"), ("R", "MLO"))):
            name, cancer = 10 * patient + image, int(side == "R" and patient % 2)
            density, birads = "ABCD"[patient % 4], 0 if cancer else 1
            lines.append(
                f"2,{1000 + patient},{name},{side},{view},61.0,{cancer},{int(side == 'R')},{cancer},{birads},0,"
                f"{density},29,False"
            )
            mammogram(
                root / "train_images" / str(1000 + patient) / f"{name}.dcm", side=side, view=view,
                drop=("ImageLaterality", "ViewPosition"), StudyInstanceUID=f"1.2.{name}", **BARE,
            )  # fmt: skip
    (root / "train.csv").write_text("\n".join(lines) + "\n", "utf-8")


def test_an_imported_public_set_is_frozen_split_by_patient_with_its_labels(
    site: Site, rita: User, tmp_path: Path
) -> None:
    (tmp_path / "rsna").mkdir()
    rsna(tmp_path / "rsna")
    batch, _ = import_dataset(DATASETS["rsna"], tmp_path / "rsna", site=site, by_user=None)
    assert {item.outcome for item in batch.items.all()} == {"imported"}
    split = create_split("rsna", site=site, by_user=rita, purpose="training")
    row = create_snapshot("rsna", site=site, split=split, height=40, width=32, by_user=rita)
    assert row.job is not None
    job = jobs.claim(row.job.pk, "test worker")
    assert job is not None
    jobs.finish(job, built(build_request(job), tmp_path))
    row.refresh_from_db()

    snapshot = open_snapshot(row.folder)
    assert snapshot.content_hash == row.content_hash
    assert len(snapshot.studies) == PATIENTS
    assert {study.split for study in snapshot.studies} == {"train", "validation", "test"}
    sides = {str(pk): side for pk, side in split.members.values_list("patient", "side")}
    assert sorted(study.density for study in snapshot.studies) == sorted(
        "ABCD"[i % 4] for i in range(PATIENTS)
    )
    for study in snapshot.studies:
        stored = Study.objects.get(pk=study.study)
        assert (study.density, study.split) == (stored.density, sides[study.patient])
        assert [(view.laterality, view.view) for view in study.views] == [("L", "CC"), ("R", "MLO")]
        results = {item.laterality: item.class_ for item in study.pathology}
        assert results == dict(stored.pathology.values_list("laterality", "result"))
    malignant = [s for s in snapshot.studies for item in s.pathology if item.class_ == "malignant"]
    assert len(malignant) == PATIENTS // 2
    assert np.asarray(snapshot.images).reshape(2 * PATIENTS, -1).std(1).min() > 0
