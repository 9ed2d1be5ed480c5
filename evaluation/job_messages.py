"""What the jobs of this app say while they run and when they fail: known to the pages, which say it in the reader's
language (`mammo.jobs.messages`).
"""

from django.utils.translation import gettext_noop as _

MESSAGES: tuple[str, ...] = (
    _("%(name)s: no arm is a system"),
    _("%(name)s: add questions first"),
    _("answer file: system %(key)s or question %(name)s is not of trial %(trial)s"),
    _("answer file: question %(question)s has %(rounds)s turns, %(answers)s answers came; ask again"),
)
