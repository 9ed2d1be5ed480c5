"""What the figures of a checkpoint are called on a page; the key, as in files and docs/modeling.md, stands beside."""

import re

from django.utils.translation import gettext as _


def _parts() -> dict[str, str]:
    """Parts of a set of patients, as prefixes of keys."""
    return {
        "validation": _("validation"),
        "test": _("test"),
        "start": _("before training"),
        "blank": _("black images"),
    }


def _names() -> dict[str, str]:
    return {
        "collapse": _("Collapsed"),
        "negatives": _("Negatives"),
        "std": _("Standard deviation of the vectors"),
        "distance": _("Mean distance of two studies"),
        "r_at_1": _("Reports found first by their images (R@1)"),
        "chance": _("R@1 of guessing"),
        "studies": _("Studies"),
        "breasts": _("Breasts"),
        "malignant": _("of these malignant"),
        "loss": _("Loss"),
        "unimodal": _("Loss between two copies of an image"),
        "multimodal": _("Loss between images and report"),
        "perplexity": _("Perplexity"),
        "macro_auc": _("AUC, mean of the densities"),
        "image_macro_auc": _("AUC, mean of the densities, image by image"),
        "image_calibration_error": _("Calibration error, image by image"),
        "image_confusion": _("Confusion, image by image"),
        "accuracy": _("Accuracy"),
        "calibration_error": _("Calibration error"),
        "confusion": _("Confusion"),
        "image_auc": _("AUC from images"),
        "report_auc": _("AUC from the report"),
        "fused_auc": _("AUC from both"),
        "image_accuracy": _("Accuracy from images"),
        "report_accuracy": _("Accuracy from the report"),
        "fused_accuracy": _("Accuracy from both"),
        "image_sensitivity": _("Sensitivity from images"),
        "image_specificity": _("Specificity from images"),
        "density_probe": _("Density readable from the vectors (share right, validation)"),
        "density_right": _("Right density stated"),
        "follows_swap": _("Answer follows exchanged images"),
        "category_right": _("Right BI-RADS category stated"),
        "line_right": _("Right side of the line between 3 and 4 stated"),
        "laterality_right": _("Right breast stated"),
        "category_as_picked": _("Same BI-RADS category as the picked answer"),
        "line_as_picked": _("Same side of the line between 3 and 4 as the picked answer"),
        "laterality_as_picked": _("Same breast as the picked answer"),
        "random_weights": _("Began with random weights"),
        "spec_sha256": _("SHA-256 of the spec"),
        "training_answers": _("Answers trained on"),
        "held_out_answers": _("Held-out answers"),
        "held_out_dialogues": _("Held-out dialogues"),
        "dialogues": _("Dialogues trained on"),
    }


def figure_name(key: str) -> str:
    """The figure's name in the reader's language; empty where it has none but its key.

    "test_image_auc" is "AUC from images (test)", "follows_swap_n" "Answer follows exchanged images: number asked".
    """
    names, parts = _names(), _parts()
    if key in names:
        return names[key]
    of_density = re.fullmatch("(image_)?auc_([A-D])", key)
    if of_density:
        text = (
            _("AUC of density %(density)s, image by image")
            if of_density[1]
            else _("AUC of density %(density)s")
        )
        return text % {"density": of_density[2]}
    part, _dash, rest = key.partition("_")
    if part in parts and (name := figure_name(rest)):
        return _("%(figure)s (%(part)s)") % {"figure": name, "part": parts[part]}
    if key.endswith("_n") and (name := figure_name(key[:-2])):
        return _("%(figure)s: number asked") % {"figure": name}
    return ""
