"""Forms of an administrator's pages of people."""

from typing import Any

from django import forms
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils.translation import gettext_lazy as _

from mammo.accounts.models import Role, Site, User


class NewPersonForm(forms.Form):
    """Name, site and roles of a new account; its password is made by the platform."""

    username = forms.CharField(
        label=_("Name to sign in with"), max_length=150, validators=[UnicodeUsernameValidator()]
    )
    display_name = forms.CharField(label=_("Name as others see it"), max_length=150)
    site = forms.ModelChoiceField(label=_("Site"), queryset=Site.objects.none(), empty_label=None)
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=Role.choices,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    language = forms.ChoiceField(
        label=_("Language of the pages"), choices=[("en", "English"), ("zh-hans", "简体中文")]
    )
    years_of_experience = forms.FloatField(
        label=_("Years of experience"), required=False, min_value=0, max_value=80,
        help_text=_("Of readers and raters: it is reported beside their work."),
    )  # fmt: skip

    def __init__(self, *args: Any, admin: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sites = self.fields["site"]
        assert isinstance(sites, forms.ModelChoiceField)
        sites.queryset = admin.sites_as(Role.ADMIN).order_by("code")


class NewRoleForm(forms.Form):
    """One more role at one of the administrator's sites."""

    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)
    site = forms.ModelChoiceField(label=_("Site"), queryset=Site.objects.none(), empty_label=None)

    def __init__(self, *args: Any, admin: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sites = self.fields["site"]
        assert isinstance(sites, forms.ModelChoiceField)
        sites.queryset = admin.sites_as(Role.ADMIN).order_by("code")
