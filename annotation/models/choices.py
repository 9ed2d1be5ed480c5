"""Choices of the annotation rows. Stored and exported: never rename a value."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Purpose(models.TextChoices):
    """What a person does with a question."""

    CORRECT = "correct", _("Correct")
    PICK = "pick", _("Pick")
    ADJUDICATE = "adjudicate", _("Adjudicate")


class ProposerContext(models.TextChoices):
    """What the proposing model saw beside the question (PAPER.md section 1)."""

    NONE = "none", _("Question only")
    FIELDS = "fields", _("Age, density and findings as fields")
    BLANKED = "blanked", _("Report without BI-RADS")
    FULL = "full", _("Report")
    IMAGES = "images", _("Mammograms")


class ErrorTag(models.TextChoices):
    """Kinds of mistake a junior marks in a proposal."""

    WRONG_FACT = "wrong_fact", _("Wrong fact")
    WRONG_SIDE = "wrong_side", _("Wrong side")
    WRONG_CATEGORY = "wrong_category", _("Wrong category")
    UNSAFE_ADVICE = "unsafe_advice", _("Unsafe advice")
    LANGUAGE = "language", _("Language")
    UNSUPPORTED = "unsupported", _("Not supported by the images")
    OTHER = "other", _("Other")


class SkipReason(models.TextChoices):
    """Why a person leaves a question to somebody else."""

    NOT_ABLE = "not_able", _("Outside what I can judge")
    IMAGES = "images", _("Pictures missing or not readable")
    NOT_UNDERSTOOD = "unclear", _("The question can't be understood")
    KNOWN_CASE = "known", _("I know this patient or reported this study")
    OTHER = "other", _("Other")


class FlagKind(models.TextChoices):
    """What is wrong with a question itself."""

    IDENTIFYING = "identity", _("Names or numbers of a person")
    WRONG_STUDY = "study", _("Study and question do not belong together")
    NOT_MAMMOGRAPHY = "off_topic", _("Not about the breast or the examination")
    UNCLEAR = "unclear", _("Can't be understood")
    EMERGENCY = "emergency", _("The patient may need help at once")
    CONSENT = "consent", _("Doubt about the consent")
    OTHER = "other", _("Other")


class NewsKind(models.TextChoices):
    """What a notification tells."""

    ASSIGNED = "assigned", _("A question was assigned to you")
    RETURNED = "returned", _("A senior sent a question back to you")
    COMMENT = "comment", _("There is a new remark on a question")
    ADJUDICATE = "adjudicate", _("Two seniors chose differently")
    FLAGGED = "flagged", _("A question was flagged")
    SKIPPED = "skipped", _("A question was skipped")
    INSTRUCTIONS = "instruct", _("The instructions changed")
    GUIDELINE = "guideline", _("The guideline changed")
    APPROVAL = "approval", _("An endpoint waits for your approval")
