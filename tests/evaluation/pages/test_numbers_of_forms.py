"""Numbers and texts of the designers' forms beyond what a column holds are refused on the page, on both databases."""

from collections.abc import Iterator
from typing import Any

from django import forms

from evaluation.forms import PowerForm, ProtocolForm, TrialForm
from evaluation.models import Protocol, ReaderStudy, Trial
from evaluation.views.reader_studies import ReaderStudyForm
from mammo.accounts.models import User
from tests.evaluation import reading_scene
from tests.evaluation.pages.test_aspect_keys import fields_of
from tests.evaluation.pages.test_designing import client_of, post, protocol_fields

BEYOND = (40_000, 2**31, -(2**31) - 1)


def numbers_of(form: type[forms.Form]) -> Iterator[tuple[str, int]]:
    """Every whole number of a form with every value that no column of its kind holds."""
    for name, field in form.base_fields.items():
        if isinstance(field, forms.IntegerField) and not isinstance(field, forms.FloatField):
            # A version is a wide column: 40,000 is only another version there.
            yield from ((name, value) for value in BEYOND if (name, value) != ("version", 40_000))


def test_no_number_of_a_trials_form_is_beyond_its_column(rita: User, june: User, sena: User) -> None:
    study = reading_scene.draft_study(rita, [june])
    client, fields = client_of(rita), fields_of(study.protocol, "clarity | Clarity")
    assert post(client, "trial-new", **fields | {"name": "First"}).status_code == 302
    draft = Trial.objects.get()
    tried = list(numbers_of(TrialForm))
    assert len(tried) == 26
    for name, value in tried:
        if name != "version":
            assert post(client, "trial-new", **fields | {name: value}).status_code == 400, (name, value)
        changed = fields | {"version": draft.version} | {name: value}
        assert post(client, "trial-edit", draft.pk, **changed).status_code == 400, (name, value)
    assert Trial.objects.count() == 1


def test_no_number_of_a_reader_study_or_a_protocol_is_beyond_its_column(
    rita: User, june: User, sena: User, site: Any
) -> None:
    study, client = reading_scene.draft_study(rita, [june]), client_of(rita)
    fields: dict[str, Any] = {
        "protocol": study.protocol.pk, "name": "On pages", "checkpoint": study.checkpoint_id,
        "design": "crossover", "unit": "breast", "reader_sees": "images", "model_sees": "images",
        "scale": "birads", "washout_days": "28",
    }  # fmt: skip
    tried = list(numbers_of(ReaderStudyForm))
    assert tried
    for name, value in tried:
        assert post(client, "reader-study-new", **fields | {name: value}).status_code == 400, (name, value)
    assert post(client, "reader-study-new", **fields).status_code == 302
    assert ReaderStudy.objects.count() == 2
    assert post(client, "protocol-new", **protocol_fields(site)).status_code == 302
    row = Protocol.objects.get(title="Blinded scoring", frozen_at=None)
    for name, value in numbers_of(ProtocolForm):
        changed = protocol_fields(site, version=row.version) | {name: value}
        assert post(client, "protocol-edit", row.pk, **changed).status_code == 400, (name, value)
    assert all(field.max_value is not None for field in whole_numbers(PowerForm))


def whole_numbers(form: type[forms.Form]) -> list[forms.IntegerField]:
    return [field for field in form.base_fields.values() if type(field) is forms.IntegerField]
