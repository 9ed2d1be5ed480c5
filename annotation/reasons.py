"""Codes of why a senior picks an answer, or sends a question back. Stored and exported: never rename one."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class PickReason(models.TextChoices):
    """Why a senior prefers an answer: correctness and professional level (paper, section 4.1.1), and how."""

    CORRECTNESS = "correctness", _("Accurate")
    PROFESSIONAL_LEVEL = "professional_level", _("Professional")
    COMPLETENESS = "completeness", _("Complete")
    CLARITY = "clarity", _("Clear to a patient")
    SAFETY = "safety", _("Safest advice")
    OTHER = "other", _("Other")


class ReturnReason(models.TextChoices):
    """Why none of the answers is acceptable."""

    WRONG = "wrong", _("Wrong in fact")
    UNSAFE = "unsafe", _("Unsafe advice")
    UNSUPPORTED = "unsupported", _("Not supported by images or report")
    INCOMPLETE = "incomplete", _("Leaves the question unanswered")
    LANGUAGE = "language", _("Language")
    OTHER = "other", _("Other")
