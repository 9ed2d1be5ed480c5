"""The archive's fit (crop to the breast, aspect kept, chest wall to the left) in the arrays that networks see."""

import json

import numpy as np
import pytest

from mammo.archive.dicom.training_fit import TrainingFit, training_fit
from mammo.archive.dicom.training_fit import windowed as archive_windowed
from modeling.data.augmentation import orient
from modeling.data.build import build, main
from modeling.data.preprocessing import Crop, ViewError, load_view, read_dicom, refitted, windowed
from modeling.data.snapshot import open_snapshot
from modeling.inference.images import study_array
from modeling.inference.systems import ImageFile
from modeling.nn.processor import MammoVLMProcessor
from tests.mammo.archive.files import picture
from tests.modeling.data.test_preprocessing import write_copy
from tests.modeling.small_models import small_tokenizer

SIZE = (126, 100)
LESION = {"L": (60, 220, 24, 16), "R": (316, 220, 24, 16)}


@pytest.fixture(params=["L", "R"])
def side(request):
    return request.param


@pytest.fixture
def copy(tmp_path, side):
    """A viewing copy of 480 x 400 with a bright lesion, its pixels and the fit that the import stored."""
    image = np.where(picture(side, 480, 400) > 0, 900, 0).astype(np.uint16)
    x, y, width, height = LESION[side]
    image[y : y + height, x : x + width] = 3500
    path = write_copy(tmp_path / "v.dcm", image, WindowCenter="2048", WindowWidth="4096")
    return path, image, training_fit(image, laterality=side).as_dict()


def test_the_array_is_the_archives_own_for_the_networks_size(copy, side):
    path, image, stored = copy
    found = load_view(path, height=SIZE[0], width=SIZE[1], laterality=side, crop=Crop.from_dict(stored))
    greys = archive_windowed(image, center=2048, width=4096, function="LINEAR")
    fit = TrainingFit.from_dict(refitted(stored, height=SIZE[0], width=SIZE[1]))
    faithful = np.round(fit.apply(greys, faithful=True) * 255)
    assert np.abs(found.astype(int) - faithful).max() <= 1
    mirrored = orient(found[None], [side], flip_right=True)[0]
    assert np.abs(mirrored.astype(int) - np.round(fit.apply(greys) * 255)).max() <= 1
    # Cut to the breast it shows more of it than the whole image at the same size.
    whole = load_view(path, height=SIZE[0], width=SIZE[1], laterality=side)
    assert (found > 0).mean() > 1.2 * (whole > 0).mean()


def test_a_frozen_set_keeps_the_fit_by_which_boxes_map_back(copy, side, tmp_path):
    path, _, stored = copy
    study = {"study": "s", "patient": "p", "split": "train", "density": "C", "report": "", "language": "en",
             "views": [{"path": str(path), "laterality": side, "view": "CC", "fit": stored}]}  # fmt: skip
    request = {"name": "n", "output": str(tmp_path / "out"), "image": {"height": SIZE[0], "width": SIZE[1]},
               "studies": [study]}  # fmt: skip
    (tmp_path / "request.json").write_text(json.dumps(request))
    assert main(["build", str(tmp_path / "request.json"), str(tmp_path / "answer.jsonl")]) == 0
    snapshot = open_snapshot(tmp_path / "out")
    view = snapshot.studies[0].views[0]
    fit = TrainingFit.from_dict(dict(view.fit))
    rows, columns = np.nonzero(snapshot.images[view.index] > 180)
    centre = (columns.mean() + 0.5, rows.mean() + 0.5)
    x, y, width, height = LESION[side]
    back = fit.to_image((*centre, 0.0, 0.0), faithful=True)
    assert abs(back[0] - (x + width / 2)) < 1 / fit.scale
    assert abs(back[1] - (y + height / 2)) < 1 / fit.scale


def test_answering_sees_what_training_saw(copy, side):
    path, _, stored = copy
    trained = load_view(path, height=SIZE[0], width=SIZE[1], laterality=side, crop=Crop.from_dict(stored))
    asked = study_array([ImageFile(path, side, "CC", stored)], size=SIZE, flip_right=False)
    assert np.array_equal(asked[0], trained)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"top": 0, "left": 0, "height": 10}, "needs whole numbers"),
        ({"top": -1, "left": 0, "height": 10, "width": 10}, "no part"),
        ({"top": 0, "left": 0, "height": 0, "width": 10}, "no part"),
    ],
)
def test_a_fit_that_makes_no_sense_is_refused(stored, message):
    with pytest.raises(ViewError, match=message):
        Crop.from_dict(stored)


def test_a_fit_of_another_image_is_refused(copy):
    path, _, _ = copy
    crop = Crop(0, 0, 4000, 4000)
    with pytest.raises(ViewError, match="outside an image of 480 x 400"):
        load_view(path, height=20, width=16, laterality="L", crop=crop)


def test_the_processor_prepares_a_viewing_copy_as_the_frozen_set_holds_it(copy, side, tmp_path):
    path, _, stored = copy
    study = {"study": "s", "patient": "p", "split": "train", "density": "C", "report": "", "language": "en",
             "views": [{"path": str(path), "laterality": side, "view": "CC", "fit": stored}]}  # fmt: skip
    build({"name": "n", "output": str(tmp_path / "out"), "image": {"height": SIZE[0], "width": SIZE[1]},
           "studies": [study]})  # fmt: skip
    frozen = open_snapshot(tmp_path / "out")
    processor = MammoVLMProcessor(small_tokenizer(), *SIZE, flip_right=False)
    (view,) = frozen.studies[0].views
    for fit_of_it in (stored, view.fit):
        inputs = processor("Is it dense?", [path], [(side, "CC")], fits=[fit_of_it])
        assert np.array_equal(inputs["pixel_values"][0, 0].numpy(), frozen.images[0])
    assert not np.array_equal(processor.prepare([path], [side])[0], frozen.images[0])
    grey = windowed(read_dicom(path))
    assert np.array_equal(processor.prepare([grey], [side], [stored])[0], frozen.images[0])
    with pytest.raises(ValueError, match="2 fits for 1 images"):
        processor("Is it dense?", [path], [(side, "CC")], fits=[stored, None])
