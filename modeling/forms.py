"""Forms of modeling's pages; what they take is checked once more by the services."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotation.models import Campaign
from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from modeling.models import Checkpoint, ConsultationProtocol
from modeling.models.consultations import CONSULTING_ROLES
from modeling.services.consultations import TALKING_STAGES


class ProtocolForm(forms.Form):
    """The approval under which a model may be asked."""

    site = forms.ModelChoiceField(Site.objects.none(), label=_("Hospital"))
    title = forms.CharField(max_length=200, label=_("Title of the protocol"))
    ethics_number = forms.CharField(max_length=120, label=_("Number of the ethics approval"))
    ends_on = forms.DateField(
        label=_("Holds until"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, user: User, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.fields["site"].queryset = user.sites_as("researcher", "admin")  # type: ignore[attr-defined]


class ConsultationForm(forms.Form):
    """Whom to ask, about which study, under which protocol."""

    protocol = forms.ModelChoiceField(ConsultationProtocol.objects.none(), label=_("Protocol"))
    checkpoint = forms.ModelChoiceField(Checkpoint.objects.none(), label=_("Model"))
    study = forms.UUIDField(
        required=False,
        label=_("Study"),
        help_text=_("The number in the address of the study's page; empty to ask without a study"),
    )

    def __init__(self, *args: Any, user: User, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.user = user
        sites = user.sites_as(*CONSULTING_ROLES)
        protocols = ConsultationProtocol.objects.filter(site__in=sites).order_by("-created_at")
        models = Checkpoint.objects.filter(run__site__in=sites, run__stage__in=TALKING_STAGES)
        self.fields["protocol"].queryset = protocols  # type: ignore[attr-defined]
        self.fields["checkpoint"].queryset = models.select_related("run").order_by("-created_at")  # type: ignore[attr-defined]

    def clean_study(self) -> Study | None:
        """The study, if one is named and the account may look at it."""
        asked = self.cleaned_data["study"]
        if asked is None:
            return None
        found: Study | None = Study.objects.viewable_by(self.user).filter(pk=asked).first()
        if found is None:
            raise forms.ValidationError(_("There is no such study, or this account may not see it."))
        return found


class RemarkForm(forms.Form):
    """What a person thinks of an answer."""

    thumb = forms.CharField(max_length=4)
    comment = forms.CharField(required=False, max_length=2000)
    campaign = forms.ModelChoiceField(Campaign.objects.none(), required=False)

    def __init__(self, *args: Any, user: User, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.fields["campaign"].queryset = fed_campaigns(user)  # type: ignore[attr-defined]


class ExportForm(forms.Form):
    """Who gets a checkpoint's weights, and what for."""

    recipient = forms.CharField(max_length=200, label=_("Recipient"))
    reason = forms.CharField(max_length=500, label=_("What for"), widget=forms.Textarea(attrs={"rows": 2}))


def fed_campaigns(user: User) -> Any:
    """Campaigns that the account may add questions to."""
    sites = user.sites_as("researcher", "data_manager", "admin")
    return Campaign.objects.filter(site__in=sites).exclude(state=Campaign.State.CLOSED).order_by("name")
