"""`{{ trial|planned_power }}`: the power calculations of a trial's plan as sentences."""

from django import template

from evaluation.models import Trial
from evaluation.reports.planned_power import power_sentences
from evaluation.services.power_plan import power_of_trial

register = template.Library()


@register.filter
def planned_power(trial: Trial) -> list[str]:
    """A sentence for each calculation that the protocol keeps for this trial, or for none in particular."""
    return power_sentences(power_of_trial(trial))
