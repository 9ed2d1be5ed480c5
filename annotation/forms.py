"""Forms of a campaign's pages; what they take is checked once more by the services."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotation.endpoint_fields import ENDPOINT_FIELDS, SHOWN_KEYS, EndpointFields, shown_of
from annotation.models import Campaign, ProposerContext
from annotation.question_table import LONGEST_POOL
from annotation.services.campaigns import SEED_LIMIT
from annotation.services.endpoint_budgets import LONGEST_ANSWER
from annotation.services.endpoints import LARGEST_BUDGET
from annotation.services.proposer_parameters import DEFAULT_DRAWS
from annotation.services.proposer_specs import PROPOSER_KINDS
from mammo.accounts.models import Site, User
from mammo.core.choices import Language
from mammo.core.errors import UserError
from mammo.core.given_models import UnknownModelError

KIND_LABELS = {
    "transformers": _("A language model in a folder (GLM-4 and others)"),
    "vision_language": _("A model of images and text in a folder (LLaVA, Qwen-VL, GLM-4V)"),
    "mammovlm": _("A MammoVLM checkpoint"),
    "openai": _("An endpoint that speaks the OpenAI protocol"),
    "file": _("A file of answers"),
}


PARAMETER_FIELDS = ("temperature", "top_p", "max_new_tokens", "most_draws")
# What is frozen once proposals exist.
PROPOSER_FIELDS = (
    *("proposer_kind", "proposer_place", "proposer_name", "proposer_licence", "proposer_context"),
    *ENDPOINT_FIELDS,
    *PARAMETER_FIELDS,
)
# Tokens of an answer of a model in a folder where a campaign says nothing (modeling.nn.generation.Sampling).
LONGEST_OF_FOLDERS = 160


# The parts of the page; a field that stands in none would not be shown (a test looks).
GROUPS = (
    ("campaign", _("The campaign"), ("site", "name", "languages", "due_on")),
    (
        "proposer",
        _("Who proposes answers"),
        (
            *("proposer_kind", "proposer_place", "proposer_name", "proposer_licence"),
            *("proposer_context", *PARAMETER_FIELDS, "seed"),
        ),
    ),
    ("endpoint", _("Only where an endpoint proposes"), ENDPOINT_FIELDS),
    (
        "people",
        _("Who works on it, and how"),
        (
            *("overlap", "senior_overlap", "adjudication", "rank_all", "allow_small_edit"),
            *("is_assigned_only", "practice_required"),
        ),
    ),
    ("consent", _("Patients who ask on the tablet"), ("consent_zh", "consent_en")),
)


class CampaignForm(EndpointFields):
    """Everything that shapes a campaign; on the page of settings, what is frozen is disabled."""

    site = forms.ModelChoiceField(Site.objects.none(), label=_("Hospital"))
    name = forms.CharField(max_length=120, label=_("Name"))
    languages = forms.MultipleChoiceField(
        choices=Language.choices, label=_("Languages"), widget=forms.CheckboxSelectMultiple
    )
    version = forms.IntegerField(widget=forms.HiddenInput)
    proposer_kind = forms.ChoiceField(
        choices=[(kind, KIND_LABELS[kind]) for kind in PROPOSER_KINDS], label=_("Who proposes answers")
    )
    proposer_place = forms.CharField(
        max_length=500,
        label=_("Its folder, or its address"),
        help_text=_(
            "A folder on the server, a hub name whose files are here (such as THUDM/glm-4-9b-chat-hf), or an address "
            "such as https://llm.example.org/v1"
        ),
    )
    proposer_name = forms.CharField(
        max_length=200,
        required=False,
        label=_("Its name"),
        help_text=_("For an endpoint: the model's name there"),
    )
    proposer_context = forms.ChoiceField(
        choices=ProposerContext.choices, label=_("What it sees beside the question")
    )
    temperature = forms.FloatField(min_value=0, max_value=2, initial=0.9, label=_("Temperature"))
    top_p = forms.FloatField(
        min_value=0.01,
        max_value=1,
        initial=0.95,
        label=_("Nucleus (top-p)"),
        help_text=_("Words are drawn from the likeliest ones that together reach this share"),
    )
    max_new_tokens = forms.IntegerField(
        min_value=1, max_value=8192, initial=LONGEST_ANSWER, label=_("Longest answer, in tokens")
    )
    most_draws = forms.IntegerField(
        min_value=1,
        max_value=50,
        initial=DEFAULT_DRAWS,
        label=_("Draws per answer at most"),
        help_text=_("An answer that repeats another one is drawn again until it differs, but not more often"),
    )
    seed = forms.IntegerField(
        min_value=0,
        max_value=SEED_LIMIT,
        required=False,
        label=_("Seed"),
        help_text=_("A whole number; empty: drawn by chance, and kept"),
    )
    overlap = forms.IntegerField(min_value=1, max_value=20, initial=1, label=_("Juniors per question"))
    senior_overlap = forms.IntegerField(min_value=1, max_value=20, initial=1, label=_("Seniors per question"))
    adjudication = forms.BooleanField(
        required=False, label=_("A third senior decides where the seniors chose differently")
    )
    rank_all = forms.BooleanField(required=False, label=_("Seniors rank all answers"))
    allow_small_edit = forms.BooleanField(
        required=False, initial=True, label=_("Seniors may make a small edit")
    )
    is_assigned_only = forms.BooleanField(
        required=False, label=_("Questions go to named people only, nobody takes the next one")
    )
    practice_required = forms.BooleanField(required=False, label=_("The practice set comes before real work"))
    due_on = forms.DateField(
        required=False, label=_("Due on"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    consent_zh = forms.CharField(
        required=False,
        label=_("Consent text on the tablet, Chinese"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    consent_en = forms.CharField(
        required=False,
        label=_("Consent text on the tablet, English"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(
        self, *args: Any, user: User, campaign: Campaign | None = None, frozen: bool = False, **kw: Any
    ) -> None:
        super().__init__(*args, **kw)
        sites = self.fields["site"]
        assert isinstance(sites, forms.ModelChoiceField)
        sites.queryset = user.sites_as("researcher", "admin").order_by("code")
        if campaign is not None:
            del self.fields["site"], self.fields["name"]
        else:
            del self.fields["version"]
        self._offer_proposers(campaign)
        if frozen:
            for name in (
                "languages",
                "overlap",
                "senior_overlap",
                "adjudication",
                "rank_all",
                "allow_small_edit",
            ):
                self.fields[name].disabled = True
        if campaign is not None and campaign.questions.exclude(stage="new").exists():
            for name in (*PROPOSER_FIELDS, "seed"):
                self.fields[name].disabled = True

    def _offer_proposers(self, campaign: Campaign | None) -> None:
        """A file of answers is named by commands on the server alone; a campaign that has one may keep it."""
        kinds = self.fields["proposer_kind"]
        assert isinstance(kinds, forms.ChoiceField)
        stands = campaign.proposer.get("kind") if campaign is not None else None
        kinds.choices = [
            (kind, KIND_LABELS[kind]) for kind in PROPOSER_KINDS if kind != "file" or stands == "file"
        ]

    def add_refusal(self, error: UserError) -> None:
        """Show what a service refused, beside its field where that is known."""
        if isinstance(error, UnknownModelError):
            self.add_error("proposer_place", error.said)
        else:
            self.add_error(None, str(error))

    def proposer(self) -> dict[str, Any]:
        """The spec that the answering module takes."""
        data = self.cleaned_data
        kind, place, name = (
            data["proposer_kind"],
            data["proposer_place"].strip(),
            data["proposer_name"].strip(),
        )
        if kind == "openai":
            named = {"kind": kind, "base_url": place, "model": name or "default", "name": name or place}
            return named | self.endpoint_spec() | self.licence_spec()
        return {"kind": kind, "path": place, **({"name": name} if name else {})} | self.licence_spec()

    def groups(self) -> list[tuple[str, Any, list[forms.BoundField]]]:
        """The visible fields in their parts: name of the part, its heading, the fields that the form has."""
        return [
            (part, heading, [self[name] for name in names if name in self.fields])
            for part, heading, names in GROUPS
        ]

    def parameters(self, earlier: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """How the proposer draws: what the form shows, laid over what stood."""
        return {**(earlier or {}), **{name: self.cleaned_data[name] for name in PARAMETER_FIELDS}}

    def changed_proposer(self, earlier: Mapping[str, Any]) -> dict[str, Any]:
        """The spec in place of an earlier one; what the form does not show stays only with the same kind."""
        spec = self.proposer()
        if earlier.get("kind") != spec["kind"]:
            return spec
        unseen = {key: value for key, value in earlier.items() if key != "name" and key not in SHOWN_KEYS}
        return unseen | spec

    def settings(self) -> dict[str, Any]:
        """What `change_settings` takes."""
        data = self.cleaned_data
        names = (
            *("languages", "overlap", "senior_overlap", "adjudication", "rank_all", "allow_small_edit"),
            *("is_assigned_only", "practice_required", "due_on"),
        )
        consent = {"zh": data["consent_zh"], "en": data["consent_en"]}
        return {**{name: data[name] for name in names}, "consent_text": consent}


def initial_of(campaign: Campaign) -> dict[str, Any]:
    """A campaign's settings as its form shows them."""
    spec = campaign.proposer
    names = (
        *("languages", "overlap", "senior_overlap", "adjudication", "rank_all", "allow_small_edit"),
        *("is_assigned_only", "practice_required", "due_on", "proposer_context"),
    )
    return {
        **{name: getattr(campaign, name) for name in names},
        "version": campaign.version,
        "proposer_kind": spec.get("kind"),
        "proposer_place": spec.get("base_url") or spec.get("path"),
        "proposer_name": spec.get("model") or spec.get("name", ""),
        **shown_of(spec),
        **_shown_parameters(campaign),
        "seed": campaign.seed,
        "consent_zh": campaign.consent_text.get("zh", ""),
        "consent_en": campaign.consent_text.get("en", ""),
    }


def _shown_parameters(campaign: Campaign) -> dict[str, Any]:
    """Parameters as they are, or as the answering module fills them in."""
    is_endpoint = campaign.proposer.get("kind") == "openai"
    filled = {
        "temperature": 0.9,
        "top_p": 0.95,
        "max_new_tokens": LONGEST_ANSWER if is_endpoint else LONGEST_OF_FOLDERS,
        "most_draws": DEFAULT_DRAWS,
    }
    return {name: campaign.parameters.get(name, filled[name]) for name in PARAMETER_FIELDS}


class TextsForm(forms.Form):
    """Instructions and guideline, both Markdown."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    instructions = forms.CharField(
        required=False, label=_("Instructions (Markdown)"), widget=forms.Textarea(attrs={"rows": 10})
    )
    guideline_edition = forms.CharField(
        required=False,
        max_length=120,
        label=_("Guideline: name and edition"),
        help_text=_("Such as “Department guideline for answers, 2nd edition 2026”"),
    )
    guideline = forms.CharField(
        required=False,
        label=_("Guideline (Markdown; error tags cite its headings)"),
        widget=forms.Textarea(attrs={"rows": 12}),
    )


class UploadForm(forms.Form):
    """A table of questions."""

    table = forms.FileField(
        label=_("Table of questions (CSV, JSON lines or XLSX)"),
        help_text=_("Columns: patient, accession, language, turns or text, source, consent, date, pool"),
    )


def _pool_field() -> forms.CharField:
    return forms.CharField(
        max_length=LONGEST_POOL,
        required=False,
        label=_("Pool"),
        help_text=_("A group among the campaign's people that it is for; empty: all of them"),
    )


class PoolTableForm(forms.Form):
    """A table that puts questions into pools."""

    table = forms.FileField(
        label=_("Table of pools (CSV, JSON lines or XLSX)"),
        help_text=_("Columns: question (its number in the campaign), pool (empty: everybody)"),
    )


class TypedQuestionForm(forms.Form):
    """One question typed by hand."""

    text = forms.CharField(
        max_length=4000,
        label=_("Question"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_(
            "Several rounds: a line with --- between patient and answer; the patient has the last word"
        ),
    )
    source = forms.CharField(max_length=60, label=_("Where it was asked"), initial="typed")
    consent = forms.CharField(max_length=120, required=False, label=_("Consent reference"))
    asked_on = forms.DateField(
        required=False, label=_("Asked on"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    patient = forms.CharField(max_length=64, required=False, label=_("Hospital number"))
    accession = forms.CharField(max_length=64, required=False, label=_("Accession number"))
    pool = _pool_field()


# A patient's page is written in these.
TABLET_LANGUAGES = (("zh", "中文"), ("en", "English"))


class InviteForm(forms.Form):
    """An invitation of one patient to ask on the tablet."""

    language = forms.ChoiceField(choices=TABLET_LANGUAGES, label=_("Her language"))
    patient = forms.CharField(max_length=64, required=False, label=_("Hospital number"))
    accession = forms.CharField(max_length=64, required=False, label=_("Accession number"))
    pool = _pool_field()

    def __init__(self, *args: Any, campaign: Campaign | None = None, **kw: Any) -> None:
        super().__init__(*args, **kw)
        if campaign is not None:
            taken = [choice for choice in TABLET_LANGUAGES if choice[0] in campaign.languages]
            self.fields["language"].choices = taken  # type: ignore[attr-defined]


class DayForm(forms.Form):
    """One day; none: every day."""

    day = forms.DateField(
        required=False, label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


class EndpointForm(forms.Form):
    """A request that an endpoint be approved."""

    site = forms.ModelChoiceField(Site.objects.none(), label=_("Hospital"))
    host = forms.CharField(max_length=255, label=_("Host"), help_text=_("Such as llm.example.org:8443"))
    country = forms.CharField(max_length=2, label=_("Country (two letters)"))
    with_images = forms.BooleanField(required=False, label=_("Mammograms may be sent too"))
    reason = forms.CharField(max_length=500, label=_("What for, and under which agreement"))
    most_requests = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_BUDGET,
        required=False,
        label=_("Budget: requests at most"),
        help_text=_("Tries after a failure included; empty: no limit"),
    )
    most_tokens = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_BUDGET,
        required=False,
        label=_("Budget: tokens at most"),
        help_text=_("Of prompts and answers; empty: no limit"),
    )
    expires_on = forms.DateField(
        label=_("Holds until"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, user: User, **kw: Any) -> None:
        super().__init__(*args, **kw)
        sites = self.fields["site"]
        assert isinstance(sites, forms.ModelChoiceField)
        sites.queryset = user.sites_as("researcher", "admin").order_by("code")
