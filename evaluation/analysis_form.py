"""What a dropped CSV file is analysed with: every option of `analyse KIND`, as a form."""

import re
from collections.abc import Iterator

from django import forms
from django.forms.boundfield import BoundField
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

KIND_LABELS = {
    "roc": gettext_lazy("ROC curve of a score"),
    "mrmc": gettext_lazy("Several readers, several cases"),
    "scores": gettext_lazy("Scores of raters"),
    "agreement": gettext_lazy("Agreement of raters"),
    "proportions": gettext_lazy("Shares from counts"),
    "paired": gettext_lazy("Two shares of the same cases"),
    "ranks": gettext_lazy("Ranks of systems"),
    "preferences": gettext_lazy("Preferences between systems"),
}


COVARIANCE_NAMES = {
    "delong": "DeLong",
    "jackknife": gettext_lazy("Jackknife"),
    "unbiased": gettext_lazy("Unbiased (U-statistics)"),
}
FACTOR_NAMES = {"random": gettext_lazy("random"), "fixed": gettext_lazy("fixed")}
# A page answers within a moment.
MOST_REPLICATES = 10_000
SECTIONS: tuple[tuple[str | Promise, tuple[str, ...]], ...] = (
    ("", ("kind", "file", "level")),
    (
        gettext_lazy("ROC curve, several readers, two shares"),
        ("truth", "positive", "threshold", "cluster"),
    ),
    (
        KIND_LABELS["roc"],
        ("score", "compare", "at_sensitivity", "partial", "multiclass", "bootstrap"),
    ),
    (
        KIND_LABELS["mrmc"],
        ("endpoint", "covariance", "at_specificity", "readers", "cases", "standalone", "group"),
    ),
    (gettext_lazy("Several readers, scores"), ("margin",)),
    (KIND_LABELS["scores"], ("maximum", "mixed", "rater_by_question")),
    (KIND_LABELS["paired"], ("first", "second")),
    (gettext_lazy("Agreement, ranks, preferences"), ("nominal", "blocks", "reference", "ties")),
    (gettext_lazy("Bootstrap (ROC curve, scores)"), ("replicates", "seed")),
)


class AnalysisForm(forms.Form):
    """The file, the kind, and what the kind asks for."""

    kind = forms.ChoiceField(choices=list(KIND_LABELS.items()), label=gettext_lazy("Analysis"))
    file = forms.FileField(label=gettext_lazy("CSV file"), widget=forms.FileInput(attrs={"accept": ".csv"}))
    level = forms.FloatField(
        required=False,
        min_value=0.5,
        max_value=0.999,
        label=gettext_lazy("Confidence level"),
        help_text=gettext_lazy("of the intervals; 0.95 where left empty"),
    )
    truth = forms.CharField(
        required=False,
        label=gettext_lazy("Column of the truth"),
        help_text=gettext_lazy("ROC: 0 and 1, or name the positive value below"),
    )
    score = forms.CharField(required=False, label=gettext_lazy("Column of the score"))
    compare = forms.CharField(required=False, label=gettext_lazy("Column of a second score"))
    cluster = forms.CharField(
        required=False,
        label=gettext_lazy("Column of the patient"),
        help_text=gettext_lazy("where a patient has several rows"),
    )
    positive = forms.CharField(required=False, label=gettext_lazy("Positive value of the truth"))
    threshold = forms.FloatField(
        required=False,
        label=gettext_lazy("Threshold"),
        help_text=gettext_lazy("values from here on are positive calls"),
    )
    at_sensitivity = forms.FloatField(required=False, label=gettext_lazy("Specificity at a sensitivity of"))
    partial = forms.FloatField(
        required=False,
        label=gettext_lazy("Partial area from a specificity of"),
        help_text=gettext_lazy("up to 1"),
    )
    multiclass = forms.BooleanField(required=False, label=gettext_lazy("The truth names several classes"))
    endpoint = forms.ChoiceField(
        required=False,
        choices=[
            ("", "AUC"),
            ("sensitivity", gettext_lazy("Sensitivity")),
            ("specificity", gettext_lazy("Specificity")),
        ],
        label=gettext_lazy("Endpoint"),
    )
    covariance = forms.ChoiceField(
        required=False,
        choices=[("", gettext_lazy("DeLong where the design allows it")), *COVARIANCE_NAMES.items()],
        label=gettext_lazy("Covariance of the errors"),
    )
    at_specificity = forms.FloatField(required=False, label=gettext_lazy("Sensitivity at a specificity of"))
    readers = forms.ChoiceField(
        required=False, choices=list(FACTOR_NAMES.items()), label=gettext_lazy("Readers are")
    )
    cases = forms.ChoiceField(
        required=False, choices=list(FACTOR_NAMES.items()), label=gettext_lazy("Cases are")
    )
    standalone = forms.CharField(
        required=False, label=gettext_lazy("Reader or modality that is a system alone")
    )
    group = forms.CharField(required=False, label=gettext_lazy("Column of the readers' groups"))
    margin = forms.FloatField(
        required=False,
        min_value=0.0001,
        label=gettext_lazy("Margin"),
        help_text=gettext_lazy(
            "points of the scale, of readers the area or rate: tests for non-inferiority and equivalence"
        ),
    )
    maximum = forms.FloatField(
        required=False,
        label=gettext_lazy("Top of the scale"),
        help_text=gettext_lazy("the largest score where left empty"),
    )
    mixed = forms.BooleanField(required=False, label=gettext_lazy("Fit the linear mixed model too"))
    rater_by_question = forms.BooleanField(
        required=False, label=gettext_lazy("Take the part of rater and question together out of the residual")
    )
    first = forms.CharField(
        required=False,
        label=gettext_lazy("Column of the first calls"),
        help_text=gettext_lazy("two shares: 0 and 1, or numbers with a threshold"),
    )
    second = forms.CharField(required=False, label=gettext_lazy("Column of the second calls"))
    blocks = forms.ChoiceField(
        required=False,
        choices=[("question", gettext_lazy("Questions")), ("rater", gettext_lazy("Raters"))],
        label=gettext_lazy("Ranks over"),
    )
    reference = forms.CharField(
        required=False,
        label=gettext_lazy("Reference system"),
        help_text=gettext_lazy("preferences: the system of strength 0; by default the first"),
    )
    ties = forms.ChoiceField(
        required=False,
        choices=[("half", gettext_lazy("half a win each")), ("dropped", gettext_lazy("left out"))],
        label=gettext_lazy("Ties"),
    )
    nominal = forms.BooleanField(
        required=False, label=gettext_lazy("Agreement: values are names of categories")
    )
    bootstrap = forms.BooleanField(required=False, label=gettext_lazy("ROC: check by a bootstrap"))
    replicates = forms.IntegerField(
        required=False,
        min_value=100,
        max_value=MOST_REPLICATES,
        label=gettext_lazy("Draws of the bootstrap"),
        help_text=gettext_lazy("2000 where left empty"),
    )
    seed = forms.IntegerField(
        required=False,
        min_value=0,
        label=gettext_lazy("Seed of the bootstrap"),
        help_text=gettext_lazy("1 where left empty"),
    )

    def sections(self) -> Iterator[tuple[str | Promise, list[BoundField]]]:
        """Fields under the name of what takes them; the first stand under none."""
        for title, names in SECTIONS:
            yield title, [self[name] for name in names]

    def in_words_of_its_fields(self, problem: str) -> str:
        """A message that names options of the command line, with the labels of the fields instead."""

        def label(found: re.Match[str]) -> str:
            field = self.fields.get(found[1].replace("-", "_"))
            return found[0] if field is None else f"“{field.label}”"

        return re.sub(r"--([a-z]+(?:-[a-z]+)*)", label, problem)
