"""Forms of protocols and trials; what they take is checked once more by the services."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from evaluation.aspects import DEFAULT_ASPECTS, AspectDefinition
from evaluation.models import Protocol, Trial
from evaluation.statistics.names import PATIENT_CORRELATION
from mammo.accounts.models import Site, User
from mammo.archive.models import Cohort
from mammo.core.errors import UserError
from mammo.core.outside_json import parsed

ASPECT_PARTS = (
    *("key", "name", "name_zh", "definition", "definition_zh"),
    *("low", "high", "low_zh", "high_zh"),
)
HYPOTHESIS_LABELS = {
    "superiority": _("Superiority"),
    "non_inferiority": _("Non-inferiority"),
    "equivalence": _("Equivalence"),
}
ADJUSTMENTS = (("holm", "Holm"), ("bonferroni", "Bonferroni"), ("none", _("none")))
RULES = ("missing_scores", "withdrawn_raters", "failed_controls", "control_points")
SHORT = forms.Textarea(attrs={"rows": 3})
# What the columns hold on every database, as the programming interface takes it.
LARGEST_SMALL, LARGEST_VERSION, WIDEST_SCALE = 32_767, 2**31 - 1, 1000


def written_aspects(aspects: list[AspectDefinition]) -> str:
    """Aspects as the form shows them: one per line, parts divided by bars."""
    lines = []
    for aspect in aspects:
        parts = [aspect.key, aspect.name, aspect.name_zh, aspect.definition, aspect.definition_zh]
        parts += [aspect.anchors.get(end, "") for end in ASPECT_PARTS[5:]]
        lines.append(" | ".join(parts))
    return "\n".join(lines)


def read_aspects(text: str) -> list[AspectDefinition]:
    """Aspects from lines of the form.

    Raises:
        UserError: a line has too few parts.
    """
    found = []
    for number, line in enumerate(filter(str.strip, text.splitlines()), start=1):
        parts = [part.strip() for part in line.split("|")]
        if len(parts) < 2 or not parts[0] or not parts[1]:
            raise UserError(
                _("aspects, line %(number)s: give at least a key and a name, divided by |")
                % {"number": number}
            )
        parts += [""] * (len(ASPECT_PARTS) - len(parts))
        named = dict(zip(ASPECT_PARTS, parts, strict=False))
        anchors = {end: named[end] for end in ASPECT_PARTS[5:] if named[end]}
        found.append(
            AspectDefinition(
                named["key"],
                named["name"],
                named["definition"],
                named["name_zh"],
                named["definition_zh"],
                anchors,
            )
        )
    return found


class ProtocolForm(forms.Form):
    """Everything that a protocol says; a change carries the version that it was opened on."""

    version = forms.IntegerField(min_value=0, max_value=LARGEST_VERSION, widget=forms.HiddenInput)
    site = forms.ModelChoiceField(Site.objects.none(), label=_("Hospital"))
    title = forms.CharField(max_length=200, label=_("Title"))
    authors = forms.CharField(required=False, label=_("Authors"))
    ethics_approval = forms.CharField(
        required=False, max_length=120, label=_("Number of the ethics approval")
    )
    registry_number = forms.CharField(
        required=False, max_length=120, label=_("Number in the registry of trials")
    )
    consent_basis = forms.CharField(required=False, label=_("Basis of the consent"), widget=SHORT)
    endpoint = forms.CharField(
        required=False,
        label=_("Primary endpoint"),
        help_text=_("the key of an aspect, such as correctness, or auc"),
    )
    first = forms.CharField(required=False, label=_("Contrast: first arm or condition"))
    second = forms.CharField(required=False, label=_("Contrast: second arm or condition"))
    hypothesis = forms.ChoiceField(choices=HYPOTHESIS_LABELS.items(), label=_("Hypothesis"))
    margin = forms.FloatField(
        required=False, min_value=0, label=_("Margin"), help_text=_("for non-inferiority and equivalence")
    )
    alpha = forms.FloatField(initial=0.05, min_value=0.0001, max_value=0.5, label=_("Alpha"))
    multiplicity = forms.ChoiceField(
        choices=ADJUSTMENTS,
        label=_("Adjustment for several contrasts"),
    )
    analysis_plan = forms.CharField(
        required=False, label=_("Analysis plan"), widget=forms.Textarea(attrs={"rows": 6})
    )
    missing_scores = forms.CharField(required=False, label=_("Rule for missing scores"), widget=SHORT)
    withdrawn_raters = forms.CharField(required=False, label=_("Rule for raters who withdraw"), widget=SHORT)
    failed_controls = forms.CharField(required=False, label=_("Rule for failed controls"), widget=SHORT)
    control_points = forms.FloatField(
        required=False,
        min_value=0.1,
        label=_("A control fails unless it is lower by (points)"),
        help_text=_("mean over the aspects, against the same rater's scores of the whole answer; empty: 1"),
    )
    cohort = forms.ModelChoiceField(Cohort.objects.none(), required=False, label=_("Cohort"))
    exclusions = forms.CharField(
        required=False, label=_("Exclusions"), widget=SHORT, help_text=_("one per line")
    )

    def __init__(self, *args: Any, user: User, protocol: Protocol | None = None, **kw: Any) -> None:
        super().__init__(*args, **kw)
        sites = user.sites_as("researcher", "admin")
        # A protocol's cohort is of its own site; of a new one that is chosen with it.
        of_cohort = sites if protocol is None else sites.filter(pk=protocol.site_id)
        for name, rows in (
            ("site", sites.order_by("code")),
            ("cohort", Cohort.objects.filter(site__in=of_cohort).order_by("name")),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = rows
        if protocol is not None:
            del self.fields["site"]
        else:
            del self.fields["version"]

    def clean(self) -> dict[str, Any]:
        """Refuse another site's cohort beside its own field."""
        data = super().clean() or self.cleaned_data
        site, cohort = data.get("site"), data.get("cohort")
        if site is not None and cohort is not None and cohort.site_id != site.pk:
            self.add_error("cohort", _("This cohort is of another hospital than the protocol."))
        return data

    def values(self) -> dict[str, Any]:
        """What the services of protocols take."""
        data = self.cleaned_data
        plain = (
            *("title", "authors", "ethics_approval", "registry_number", "consent_basis", "alpha"),
            *("multiplicity", "analysis_plan", "cohort"),
        )
        endpoint = {name: data[name] for name in ("endpoint", "first", "second", "hypothesis", "margin")}
        rules = {name: data[name] for name in RULES}
        return {name: data[name] for name in plain} | {
            "primary_endpoint": {name: value for name, value in endpoint.items() if value not in ("", None)},
            "rules": {name: value for name, value in rules.items() if value},
            "exclusions": [line.strip() for line in data["exclusions"].splitlines() if line.strip()],
        }


def protocol_initial(protocol: Protocol) -> dict[str, Any]:
    """A protocol as its form shows it."""
    plain = (
        *("title", "authors", "ethics_approval", "registry_number", "consent_basis", "alpha"),
        *("multiplicity", "analysis_plan", "cohort"),
    )
    return {
        **{name: getattr(protocol, name) for name in ("version", *plain)},
        **protocol.primary_endpoint,
        **protocol.rules,
        "exclusions": "\n".join(map(str, protocol.exclusions)),
    }


class TrialForm(forms.Form):
    """Everything about a trial that is not its questions, arms or raters; a change carries the version it saw."""

    version = forms.IntegerField(min_value=0, max_value=LARGEST_VERSION, widget=forms.HiddenInput)
    protocol = forms.ModelChoiceField(Protocol.objects.none(), label=_("Protocol"))
    name = forms.CharField(max_length=120, label=_("Name"))
    rater_title = forms.CharField(
        required=False,
        max_length=120,
        label=_("Title for raters"),
        help_text=_("what raters see instead of the name; it must name no arm"),
    )
    aspects = forms.CharField(
        label=_("Aspects"),
        widget=forms.Textarea(attrs={"rows": 7, "spellcheck": "false"}),
        help_text=_(
            "one per line: key | name | name in Chinese | definition | definition in Chinese | lower end | "
            "upper end | lower end in Chinese | upper end in Chinese"
        ),
    )
    scale_min = forms.IntegerField(
        initial=1, min_value=-WIDEST_SCALE, max_value=WIDEST_SCALE, label=_("Lower end of the scale")
    )
    scale_max = forms.IntegerField(
        initial=100, min_value=-WIDEST_SCALE, max_value=WIDEST_SCALE, label=_("Upper end of the scale")
    )
    input_mode = forms.ChoiceField(choices=Trial.InputMode.choices, label=_("How values are given"))
    order = forms.ChoiceField(choices=Trial.Order.choices, label=_("Order"))
    instructions = forms.CharField(required=False, label=_("Instructions"), widget=SHORT)
    show_report = forms.BooleanField(
        required=False, label=_("Raters and systems see the report without BI-RADS")
    )
    show_earlier = forms.BooleanField(
        required=False,
        label=_("Raters, and doctors who answer, see the patient's earlier study beside the present one"),
        help_text=_(
            "systems get the present study only; who reported either study scores none of its answers"
        ),
    )
    raters_per_answer = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_SMALL,
        label=_("Raters per answer"),
        help_text=_("empty: every rater scores every answer"),
    )
    repeats = forms.IntegerField(
        initial=0, min_value=0, max_value=LARGEST_SMALL, label=_("Hidden repeats per rater")
    )
    controls = forms.IntegerField(
        initial=0,
        min_value=0,
        max_value=LARGEST_SMALL,
        label=_("Degraded controls per rater"),
        help_text=_("repeats and controls together are at most one form in twenty; raters are told"),
    )
    guesses = forms.IntegerField(
        initial=0, min_value=0, max_value=LARGEST_SMALL, label=_("Answers whose author is guessed at the end")
    )
    sitting_slots = forms.IntegerField(
        initial=40, min_value=1, max_value=LARGEST_SMALL, label=_("Forms per sitting")
    )
    sitting_minutes = forms.IntegerField(
        initial=60, min_value=1, max_value=LARGEST_SMALL, label=_("Minutes per sitting")
    )

    def __init__(self, *args: Any, user: User, trial: Trial | None = None, **kw: Any) -> None:
        super().__init__(*args, **kw)
        if trial is not None:
            del self.fields["protocol"], self.fields["name"]
            return
        del self.fields["version"]
        field = self.fields["protocol"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = (
            Protocol.objects.visible_to(user)
            .filter(site__in=user.sites_as("researcher", "admin"))
            .order_by("-created_at")
        )
        self.fields["aspects"].initial = written_aspects(list(DEFAULT_ASPECTS))

    def clean_aspects(self) -> list[AspectDefinition]:
        """The aspects themselves."""
        try:
            return read_aspects(self.cleaned_data["aspects"])
        except UserError as error:
            raise forms.ValidationError(str(error)) from None

    def settings(self) -> dict[str, Any]:
        """What `change_trial` takes."""
        left = ("version", "protocol", "name", "aspects")
        return {name: value for name, value in self.cleaned_data.items() if name not in left}


def trial_initial(trial: Trial) -> dict[str, Any]:
    """A trial as its form shows it."""
    names = [name for name in TrialForm.base_fields if name not in ("protocol", "name", "aspects")]
    aspects = [
        AspectDefinition(a.key, a.name, a.definition, a.name_zh, a.definition_zh, dict(a.anchors))
        for a in trial.aspects.all()
    ]
    return {name: getattr(trial, name) for name in names} | {"aspects": written_aspects(aspects)}


def spec_from(text: str) -> dict[str, Any]:
    """A system's spec typed as JSON.

    Raises:
        UserError: it is no JSON object.
    """
    try:
        found = parsed(text)
    except ValueError as error:
        raise UserError(_("spec: not JSON (%(error)s)") % {"error": error}) from None
    if not isinstance(found, dict):
        raise UserError(_("spec: give a JSON object with a `kind`"))
    return found


class PowerForm(forms.Form):
    """What a power calculation needs."""

    raters = forms.IntegerField(min_value=2, max_value=60, label=_("Raters"))
    questions = forms.IntegerField(min_value=2, max_value=400, label=_("Questions"))
    difference = forms.FloatField(label=_("Difference in points"), initial=2)
    hypothesis = forms.ChoiceField(choices=HYPOTHESIS_LABELS.items(), label=_("Hypothesis"))
    margin = forms.FloatField(required=False, min_value=0, label=_("Margin"))
    per_patient = forms.FloatField(
        required=False,
        min_value=1,
        max_value=100,
        label=_("Questions per patient"),
        help_text=_("their mean; left empty, that of the trial's questions"),
    )
    correlation = forms.FloatField(
        required=False,
        min_value=0,
        max_value=1,
        label=_("Correlation within a patient"),
        initial=PATIENT_CORRELATION,
        help_text=_("of what is the questions' own; an assumption unless a pilot tells it"),
    )
    wanted = forms.IntegerField(
        required=False,
        min_value=50,
        max_value=99,
        label=_("Wanted power, %"),
        help_text=_("the numbers of raters and questions that reach it"),
    )
