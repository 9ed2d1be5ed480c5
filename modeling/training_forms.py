"""Forms that freeze a training set and start a run; what they take is checked once more by the services."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotation.models import Campaign
from mammo.accounts.models import Site, User
from mammo.archive.models import Split
from mammo.core.outside_json import parsed
from modeling.data.model_folders import MODELS_VARIABLE
from modeling.models import Checkpoint, Snapshot
from modeling.services.snapshots import SMALLEST_SIDE
from modeling.services.stages import SPECS

# Who starts training.
TRAINERS = ("researcher", "admin")
LARGEST_SIDE = 8192
MOST_GPUS = 64
# Of these are the folders that a model can lie in below MAMMO_MODELS.
LEVELS = ("*/config.json", "*/*/config.json")


class SnapshotForm(forms.Form):
    """What goes into a frozen training set."""

    name = forms.CharField(
        max_length=120, label=_("Name"), help_text=_("It never changes, nor does what it holds")
    )
    split = forms.ModelChoiceField(
        Split.objects.none(), label=_("Split"), help_text=_("Its patients' studies go in, each on its side")
    )
    site = forms.ModelChoiceField(Site.objects.none(), label=_("Hospital"))
    campaign = forms.ModelChoiceField(
        Campaign.objects.none(),
        required=False,
        label=_("Campaign"),
        help_text=_("Its picked answers go in; empty for images, reports and labels alone"),
    )
    height = forms.IntegerField(
        min_value=SMALLEST_SIDE, max_value=LARGEST_SIDE, initial=1008, label=_("Height of images in pixels")
    )
    width = forms.IntegerField(
        min_value=SMALLEST_SIDE, max_value=LARGEST_SIDE, initial=800, label=_("Width of images in pixels")
    )

    def __init__(self, *args: Any, user: User, **kw: Any) -> None:
        super().__init__(*args, **kw)
        sites = user.sites_as(*TRAINERS)
        self.fields["site"].queryset = sites  # type: ignore[attr-defined]
        self.fields["split"].queryset = Split.objects.visible_to(user).order_by("-created_at")  # type: ignore[attr-defined]
        self.fields["campaign"].queryset = Campaign.objects.filter(site__in=sites).order_by("name")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """A campaign is of the hospital whose set is frozen."""
        found = super().clean() or {}
        campaign, site = found.get("campaign"), found.get("site")
        if campaign is not None and site is not None and campaign.site_id != site.pk:
            self.add_error("campaign", _("This campaign is of another hospital."))
        return found


class RunForm(forms.Form):
    """One training run: stage, training set, setting, what it starts from."""

    stage = forms.ChoiceField(label=_("Stage"))
    snapshot = forms.ModelChoiceField(Snapshot.objects.none(), label=_("Training set"))
    preset = forms.ChoiceField(
        choices=[
            ("default", _("Default")),
            ("faithful", _("As the paper says")),
            ("demo", _("Small: minutes on a processor")),
        ],
        label=_("Setting"),
    )
    starts_from = forms.ModelMultipleChoiceField(
        Checkpoint.objects.none(),
        required=False,
        label=_("Starts from"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "UMiCon and instruction tuning start from checkpoints of earlier stages; the page says what lacks"
        ),
    )
    language_model = forms.ChoiceField(
        required=False,
        label=_("Pretrained model"),
        help_text=_(
            "A folder below MAMMO_MODELS; for tunings that start from no checkpoint of a language model"
        ),
    )
    fields_over = forms.CharField(
        required=False,
        label=_("Changes to the setting"),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "placeholder": '{"epochs": 20}'}),
        help_text=_("Fields of the setting as one JSON object; empty for none"),
    )
    seed = forms.IntegerField(min_value=0, max_value=2**31 - 1, initial=0, label=_("Seed"))
    gpus = forms.IntegerField(
        min_value=0, max_value=MOST_GPUS, initial=0, label=_("GPUs"), help_text=_("0 trains on the processor")
    )
    name = forms.CharField(required=False, max_length=120, label=_("Name"))

    def __init__(self, *args: Any, user: User, **kw: Any) -> None:
        super().__init__(*args, **kw)
        sites = user.sites_as(*TRAINERS)
        stages = [(spec.stage.value, spec.stage.label) for spec in SPECS if spec.reads_snapshot]
        self.fields["stage"].choices = stages  # type: ignore[attr-defined]
        frozen = Snapshot.objects.filter(site__in=sites).exclude(content_hash="")
        self.fields["snapshot"].queryset = frozen.order_by("-created_at")  # type: ignore[attr-defined]
        self.initial.setdefault("snapshot", frozen.order_by("-created_at").first())
        giving = [spec.stage.value for spec in SPECS if spec.gives]
        rows = Checkpoint.objects.filter(run__site__in=sites, run__stage__in=giving)
        self.fields["starts_from"].queryset = rows.select_related("run__snapshot").order_by("-created_at")  # type: ignore[attr-defined]
        self.fields["starts_from"].label_from_instance = _checkpoint_in_a_line  # type: ignore[attr-defined]
        folders = [(name, name) for name in model_folders()]
        self.fields["language_model"].choices = [("", "–"), *folders]  # type: ignore[attr-defined]

    def clean_fields_over(self) -> dict[str, Any]:
        """The fields, as a mapping."""
        text = self.cleaned_data["fields_over"].strip()
        if not text:
            return {}
        try:
            found = parsed(text)
        except ValueError as error:
            raise forms.ValidationError(
                _("Not JSON (%(error)s); mend it."), params={"error": error}
            ) from None
        if not isinstance(found, dict):
            raise forms.ValidationError(_("Give one JSON object with fields of the setting."))
        if "preset" in found:
            raise forms.ValidationError(_("Choose the setting above; leave preset out here."))
        return found

    def config(self) -> dict[str, Any]:
        """What is laid over the stage's own setting."""
        return {**self.cleaned_data["fields_over"], "preset": self.cleaned_data["preset"]}

    def language_model_folder(self) -> Path | None:
        """The chosen folder, whole."""
        name = self.cleaned_data["language_model"]
        return _models_root() / name if name else None


def model_folders() -> Iterator[str]:
    """Folders below MAMMO_MODELS that hold a model, by their names from there."""
    root = _models_root()
    if str(root) != "." and root.is_dir():
        yield from sorted(
            {str(path.parent.relative_to(root)) for level in LEVELS for path in root.glob(level)}
        )


def _models_root() -> Path:
    return Path(os.environ.get(MODELS_VARIABLE) or ".").expanduser()


def _checkpoint_in_a_line(checkpoint: Checkpoint) -> str:
    """Its stage, training set, day and hash."""
    run = checkpoint.run
    parts = [run.get_stage_display(), run.variant or run.name, str(run.snapshot or "")]
    said = ", ".join(part for part in parts if part)
    return f"{said} · {checkpoint.created_at:%Y-%m-%d %H:%M} · {checkpoint.sha256[:8]}"
