"""Forms of the archive's pages."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from mammo.archive.models import ImportItem
from mammo.core.choices import Laterality, View

Box = tuple[int, int, int, int]
_BOX = re.compile(r"\s*(\d{1,5})\s*,\s*(\d{1,5})\s*,\s*(\d{1,5})\s*,\s*(\d{1,5})\s*")


class DecisionForm(forms.Form):
    """What a data manager decides about a quarantined file."""

    decision = forms.ChoiceField(
        label=_("Decision"), choices=[("", _("choose")), *ImportItem.Decision.choices]
    )
    laterality = forms.ChoiceField(
        label=_("Side"), choices=[("", _("as the file says")), *Laterality.choices], required=False
    )
    view = forms.ChoiceField(
        label=_("View"), choices=[("", _("as the file says")), *View.choices], required=False
    )
    is_mirrored = forms.BooleanField(label=_("The image is stored mirrored"), required=False)
    masks = forms.CharField(
        label=_("Boxes to black out"),
        help_text=_("One per line: x, y, width, height in pixels of the file."),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
    )
    reason = forms.CharField(label=_("Reason"), max_length=500)

    def clean_masks(self) -> tuple[Box, ...]:
        """Boxes as numbers."""
        boxes = []
        for number, line in enumerate(self.cleaned_data["masks"].splitlines(), start=1):
            if not line.strip():
                continue
            match = _BOX.fullmatch(line)
            if not match or not int(match[3]) or not int(match[4]):
                raise ValidationError(
                    _("line %(number)s: write four numbers: x, y, width, height") % {"number": number}
                )
            boxes.append((int(match[1]), int(match[2]), int(match[3]), int(match[4])))
        return tuple(boxes)

    def clean(self) -> dict[str, Any]:
        """Masking needs a box, releasing has none."""
        cleaned = super().clean() or {}
        if cleaned.get("decision") == ImportItem.Decision.MASKED and not cleaned.get("masks"):
            self.add_error("masks", _("name at least one box to black out"))
        return cleaned
