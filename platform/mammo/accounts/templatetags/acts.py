"""What acts are called on pages."""

from django import template

from mammo.accounts.acts import act_name

register = template.Library()
register.filter("act_name", act_name)
