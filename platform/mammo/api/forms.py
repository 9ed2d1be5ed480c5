"""The form of a new token."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from mammo.accounts.models import User
from mammo.api.scopes import scopes_for
from mammo.api.tokens import LONGEST_DAYS


class NewTokenForm(forms.Form):
    """Name, what it may do, and for how long; only scopes that the account's roles can use are offered."""

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_("For what: such as “nightly export on the ward's server”."),
    )
    days = forms.IntegerField(
        label=_("Days until it expires"), min_value=1, max_value=LONGEST_DAYS, initial=30
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text=_("Choose as few as it needs."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(scope.value, scope.label) for scope in scopes_for(user.roles)]
