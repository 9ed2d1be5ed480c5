"""Rules of new passwords, told in the page's language: Django's own Chinese lacks the sentence of a short one."""

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.translation import gettext as _


class LongEnough(MinimumLengthValidator):
    """At least so many signs."""

    def get_error_message(self) -> str:
        """What a form says of a shorter one."""
        return _("This password is too short: it needs at least %(length)d characters.") % {
            "length": self.min_length
        }

    def get_help_text(self) -> str:
        """What the form asks for."""
        return _("The password needs at least %(length)d characters.") % {"length": self.min_length}
