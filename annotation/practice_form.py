"""The form of one example of the practice set: its answers in fields, or as JSON lines."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotation.models import ErrorTag
from mammo.core.choices import Language
from mammo.core.outside_json import parsed

ANSWERS = (1, 2, 3)


class PracticeForm(forms.Form):
    """One example: question, report, three answers with what is wrong with each, and the best of them."""

    language = forms.ChoiceField(choices=Language.choices, label=_("Language"))
    context = forms.CharField(
        required=False, label=_("What the report says"), widget=forms.Textarea(attrs={"rows": 2})
    )
    question = forms.CharField(label=_("Question"), widget=forms.Textarea(attrs={"rows": 2}))
    answers = forms.CharField(
        required=False,
        label=_("Answers, one JSON object per line"),
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=_('{"text": "…", "tags": ["wrong_side"], "reference": "…"}; tags may be empty'),
    )
    best = forms.IntegerField(min_value=1, initial=1, label=_("Number of the best answer"))
    feedback = forms.CharField(required=False, label=_("Feedback"), widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        for number in ANSWERS:
            self.fields[f"text_{number}"] = _text(_("Text"))
            self.fields[f"tags_{number}"] = forms.MultipleChoiceField(
                required=False,
                choices=ErrorTag.choices,
                label=_("What is wrong with it; nothing: leave all empty"),
                widget=forms.CheckboxSelectMultiple,
            )
            self.fields[f"reference_{number}"] = _text(_("How it should read"))

    def head(self) -> list[forms.BoundField]:
        """What stands above the answers."""
        return [self[name] for name in ("language", "context", "question")]

    def answer_fields(self) -> list[tuple[int, list[forms.BoundField]]]:
        """The fields of each answer, by its number."""
        return [(n, [self[f"{name}_{n}"] for name in ("text", "tags", "reference")]) for n in ANSWERS]

    def foot(self) -> list[forms.BoundField]:
        """What stands below the answers."""
        return [self["best"], self["feedback"]]

    def clean_answers(self) -> list[dict[str, Any]]:
        """The answers of the JSON lines as objects; none where the fields are used."""
        found = []
        for number, line in enumerate(self.cleaned_data["answers"].splitlines(), start=1):
            if not line.strip():
                continue
            try:
                row = parsed(line)
            except ValueError as error:
                raise forms.ValidationError(
                    _("Line %(number)s is not JSON (%(error)s); mend it."),
                    params={"number": number, "error": error},
                ) from None
            if not _is_answer(row):
                raise forms.ValidationError(
                    _(
                        "Line %(number)s: expected an object with text, tags and reference: text and reference in "
                        "quotes, tags as a list of names."
                    ),
                    params={"number": number},
                )
            found.append(row)
        return found

    def clean(self) -> dict[str, Any]:
        """`answers` is what either way gave."""
        data = self.cleaned_data
        typed = [
            {name: data.get(f"{name}_{number}") for name in ("text", "tags", "reference")}
            for number in ANSWERS
        ]
        for number, one in zip(ANSWERS, typed, strict=True):
            if not one["text"] and (one["tags"] or one["reference"]):
                self.add_error(
                    None, forms.ValidationError(_("Answer %(n)s: write its text."), params={"n": number})
                )
        given = [one for one in typed if one["text"]]
        if given and data.get("answers"):
            self.add_error(None, _("Give the answers in the fields or as JSON lines, not both."))
        elif not given and not data.get("answers") and not self.errors:
            self.add_error(None, _("Write the answers, two at least."))
        return data | {"answers": given or data.get("answers", [])}


def _is_answer(row: Any) -> bool:
    """Whether a line's value is an answer: a text, and where they are given a list of tags and a reference."""
    if not isinstance(row, dict) or set(row) - {"text", "tags", "reference"}:
        return False
    # Null says nothing, as a field that is left out.
    tags, reference = (
        empty if row.get(name) is None else row[name] for name, empty in (("tags", []), ("reference", ""))
    )
    texts = [row.get("text"), reference, *(tags if isinstance(tags, list) else [None])]
    return all(isinstance(text, str) and "\0" not in text for text in texts)


def _text(label: Any) -> forms.CharField:
    return forms.CharField(required=False, label=label, widget=forms.Textarea(attrs={"rows": 2}))
