"""What the jobs of this app say while they run and when they fail: known to the pages, which say it in the reader's
language (`mammo.jobs.messages`).
"""

from django.utils.translation import gettext_noop as _

MESSAGES: tuple[str, ...] = (
    _(
        "format parquet: needs the package pyarrow; install it with `.venv/bin/pip install -c "
        "constraints.txt pyarrow`, or choose another format"
    ),
    _("%(path)s: the viewing copy is missing; import the study again"),
    _("%(path)s: the viewing copy can't be decoded (%(error)s); import the study again"),
    _("format %(format)s with pictures as %(images)s: not written"),
    _("%(folder)s: exists and is not empty; give another folder"),
    _("The campaign “%(name)s” is closed."),
    _(
        "%(host)s: the budget of its approval does not cover another question (requests: %(requests)s of "
        "%(most_requests)s, tokens: %(tokens)s of %(most_tokens)s); ask for an approval with a larger "
        "budget on the page of endpoints"
    ),
    _(
        "question %(position)s of %(campaign)s: the answers between the patient's turns are missing; "
        "only a trial can take it, as a dialogue"
    ),
    _("%(host)s: you gave this approval yourself; another person must approve what you let be sent"),
    _("answer file: question %(question)s is not of campaign %(campaign)s"),
    # Of jobs that failed before this was said of withdrawals too.
    _("Answers were picked while the set was written; ask for it again."),
    _(
        "Answers were picked, or a patient or question was taken out, while the set was written; "
        "what was written is destroyed. Ask for it again."
    ),
    _("A picture with text was taken out of its study while the set was written; ask for it again."),
)
