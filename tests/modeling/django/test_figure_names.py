"""Figures of checkpoints have names; one without keeps its key."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from modeling.figure_names import figure_name
from modeling.templatetags.figures import place


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("test_image_auc", "AUC from images (test)"),
        ("start_std", "Standard deviation of the vectors (before training)"),
        ("blank_density_right", "Right density stated (black images)"),
        ("blank_density_right_n", "Right density stated: number asked (black images)"),
        ("follows_swap_n", "Answer follows exchanged images: number asked"),
        ("macro_auc", "AUC, mean of the densities"),
        ("validation_unimodal", "Loss between two copies of an image (validation)"),
        ("test_fused_accuracy", "Accuracy from both (test)"),
        ("auc_A", "AUC of density A"),
        ("validation_image_auc_D", "AUC of density D, image by image (validation)"),
        ("auc_E", ""),
        ("something_else", ""),
        ("test_something", ""),
    ],
)
def test_a_key_has_a_name_by_its_parts(key: str, name: str) -> None:
    assert figure_name(key) == name


def test_names_are_chinese_on_chinese_pages() -> None:
    with translation.override("zh-hans"):
        assert figure_name("test_image_auc") == "图像的AUC（测试集）"


def test_a_page_names_no_place_of_the_machine(settings: Any, tmp_path: Path) -> None:
    settings.MAMMO_HOME = tmp_path
    assert place(str(tmp_path / "runs" / "7" / "model")) == "MAMMO_HOME/runs/7/model"
    assert place("/models/glm-4-9b") == "glm-4-9b"
