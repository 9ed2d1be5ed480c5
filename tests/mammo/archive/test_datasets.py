"""Public data sets, as small trees of their own shape: files, labels by breast, and results."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mammo.accounts.models import Site
from mammo.archive.dataset_import import import_dataset
from mammo.archive.datasets import DATASETS
from mammo.archive.models import Image, Pathology, Study
from mammo.core.errors import UserError

from .files import mammogram, picture

SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
# What such files carry: no patient's name, no study in common.
BARE = {"PatientID": "", "PatientName": "", "AccessionNumber": ""}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def vindr(root: Path) -> None:
    _write(
        root / "breast-level_annotations.csv",
        "study_id,series_id,image_id,laterality,view_position,height,width,breast_birads,breast_density,split\n"
        "s1,x,i1,L,CC,96,80,BI-RADS 2,DENSITY C,training\ns1,x,i2,R,MLO,96,80,BI-RADS 4,DENSITY C,training\n",
    )
    for name, side, view in (("i1", "L", "CC"), ("i2", "R", "MLO")):
        mammogram(
            root / "images" / "s1" / f"{name}.dicom",
            side=side,
            view=view,
            StudyInstanceUID=f"1.2.{view}",
            **BARE,
        )


def rsna(root: Path) -> None:
    _write(
        root / "train.csv",
        "site_id,patient_id,image_id,laterality,view,age,cancer,biopsy,invasive,BIRADS,implant,density,machine_id,"
        "difficult_negative_case\n2,10006,1,L,CC,61.0,0,1,0,0.0,0,B,29,False\n2,10006,2,R,MLO,61.0,1,1,1,0.0,1,B,29,False\n",
    )
    for name, side, view in (("1", "L", "CC"), ("2", "R", "MLO")):
        mammogram(
            root / "train_images" / "10006" / f"{name}.dcm", side=side, view=view,
            drop=("ImageLaterality", "ViewPosition"), StudyInstanceUID=f"1.2.{name}", **BARE,
        )  # fmt: skip


def cbis(root: Path) -> None:
    columns = (
        "patient_id,breast_density,left or right breast,image view,abnormality id,abnormality type,mass shape,"
        "mass margins,assessment,pathology,subtlety,image file path,cropped image file path,ROI mask file path\n"
    )
    film = "Mass-Training_P_00001_LEFT_CC"
    row = "P_00001,3,LEFT,CC,{},mass,OVAL,CIRCUMSCRIBED,{},{},4," + f"{film}/1.3/1.3.1/000000.dcm,a,b\n"
    _write(
        root / "mass_case_description_train_set.csv",
        columns + row.format(1, 4, "MALIGNANT") + row.format(2, 3, "BENIGN_WITHOUT_CALLBACK"),
    )
    # Download tools name the file anew; the film is a Secondary Capture whose patient is the film.
    mammogram(
        root / "CBIS-DDSM" / film / "08-07-2016" / "1-1.dcm", image=picture("L", 200, 160), SOPClassUID=SECONDARY,
        PatientID=film, drop=("ViewPosition", "ImageLaterality", "PatientOrientation", "PresentationIntentType"),
    )  # fmt: skip


def inbreast(root: Path) -> None:
    folder = root / "INbreast Release 1.0"
    _write(
        folder / "INbreast.csv",
        "Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads\n"
        "removed;;L;MLO;201001;22678622;2;4a\nremoved;;;;;;;\n",
    )
    mammogram(folder / "AllDICOMs" / "22678622_61b13c59bcba149e_MG_L_ML_ANON.dcm", view="ML", **BARE)


def embed(root: Path) -> None:
    path, spot = "cohort_1/11/22/1.2.826.dcm", "cohort_1/11/22/1.2.827.dcm"
    _write(
        root / "tables" / "EMBED_OpenData_metadata.csv",
        "anon_dicom_path,empi_anon,acc_anon,FinalImageType,ImageLateralityFinal,ViewPosition,spot_mag,num_roi,ROI_coords\n"
        f"/mnt/images/{path},11,22,2D,L,CC,,0,\n/mnt/images/{spot},11,22,2D,L,CC,1.0,0,\n/mnt/images/cohort_1/11/22/c.dcm,11,22,C-view,L,CC,,0,\n",
    )
    _write(
        root / "tables" / "EMBED_OpenData_clinical.csv",
        "empi_anon,acc_anon,study_date_anon,desc,tissueden,asses,numfind,side,path_severity\n"
        "11,22,2013-05-01,MG,3.0,S,1.0,L,0.0\n11,22,2013-05-01,MG,3.0,N,2.0,R,\n",
    )
    mammogram(root / path, **BARE)
    mammogram(root / spot, image=picture("L", seed=2), **BARE)


def cmmd(root: Path) -> None:
    _write(
        root / "CMMD_clinicaldata_revision.csv",
        "ID1,LeftRight,Age,number,abnormality,classification,subtype\nD1-0001,R,44,2,calcification,Benign,\n"
        "D1-0001,L,44,2,mass,Malignant,Luminal A\n",
    )
    for number, side in enumerate("RL", start=1):
        mammogram(
            root / "CMMD" / "D1-0001" / "07-18-2010" / "79" / f"1-{number}.dcm",
            side=side,
            drop=("PatientAge",),
            **BARE,
        )


TREES: dict[str, tuple[Callable[[Path], None], dict[str, object]]] = {
    "vindr": (vindr, {"slots": ["LCC", "RMLO"], "density": "C", "left": "2", "right": "4", "results": []}),
    "rsna": (
        rsna,
        {"slots": ["LCC", "RMLO"], "density": "B", "left": "0", "right": "0",
         "results": [("L", "benign"), ("R", "malignant")]},
    ),
    "cbis": (
        cbis,
        {"slots": ["LCC"], "density": "C", "left": "4", "right": "", "results": [("L", "benign"), ("L", "malignant")]},
    ),
    "inbreast": (inbreast, {"slots": ["LMLO"], "density": "B", "left": "4A", "right": "", "results": []}),
    "embed": (
        embed,
        {"slots": ["LCC", "LCC"], "density": "C", "left": "4", "right": "", "results": [("L", "malignant")]},
    ),
    "cmmd": (
        cmmd,
        {"slots": ["LCC", "RCC"], "density": "", "left": "", "right": "",
         "results": [("L", "malignant"), ("R", "benign")]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(TREES))
def test_a_set_is_imported_from_its_own_tree_and_tables(name: str, tmp_path: Path, site: Site) -> None:
    write, expected = TREES[name]
    write(tmp_path)
    batch, _ = import_dataset(DATASETS[name], tmp_path, site=site, by_user=None)
    assert [(item.outcome, item.reason) for item in batch.items.all() if item.outcome != "imported"] == []
    found = Study.objects.get()
    assert sorted(image.slot for image in Image.objects.all()) == expected["slots"]
    assert (found.density, found.birads_left, found.birads_right) == (
        expected["density"], expected["left"], expected["right"],
    )  # fmt: skip
    # The exam's category is made of the sides, by name of the rule: overview, Table 9 and cohorts ask for it.
    assert found.birads_overall == max(expected["left"], expected["right"])
    assert found.birads_rule == ("mammo-report-rules/2 zero-unless-4" if found.birads_overall else "")
    results = Pathology.objects.values_list("laterality", "result")
    assert sorted(results) == expected["results"]
    assert batch.origin == "dataset"


def test_what_the_table_names_and_the_folder_lacks_is_said_and_a_second_run_adds_nothing(
    tmp_path: Path, site: Site
) -> None:
    rsna(tmp_path)
    (tmp_path / "train_images" / "10006" / "2.dcm").unlink()
    batch, _ = import_dataset(DATASETS["rsna"], tmp_path, site=site, by_user=None)
    assert batch.counts == {"imported": 1, "duplicate": 0, "quarantined": 0, "rejected": 1}
    again, pathology = import_dataset(DATASETS["rsna"], tmp_path, site=site, by_user=None)
    assert again.counts["duplicate"] == 1
    assert pathology is not None
    assert pathology.counts["duplicate"] == 2
    assert Study.objects.get().age == 52  # the file's own stands above the table's


@pytest.mark.parametrize("name", sorted(TREES))
def test_a_folder_that_is_not_the_set_is_refused_by_name(name: str, tmp_path: Path, site: Site) -> None:
    with pytest.raises(UserError, match=str(tmp_path)):
        import_dataset(DATASETS[name], tmp_path, site=site, by_user=None)


def test_a_spot_or_magnified_view_of_embed_is_none_of_the_standard_four(tmp_path: Path, site: Site) -> None:
    embed(tmp_path)
    import_dataset(DATASETS["embed"], tmp_path, site=site, by_user=None)
    found = Image.objects.order_by("is_extra").values_list("is_extra", "view_modifiers")
    assert list(found) == [(False, []), (True, ["spot_compression"])]


def test_an_implant_that_rsna_states_is_flagged_on_the_image(tmp_path: Path, site: Site) -> None:
    rsna(tmp_path)
    batch, _ = import_dataset(DATASETS["rsna"], tmp_path, site=site, by_user=None)
    assert {image.slot: "has_implant" in image.flags for image in Image.objects.all()} == {
        "LCC": False,
        "RMLO": True,
    }
    assert batch.items.filter(reason__contains="has_implant").count() == 1
