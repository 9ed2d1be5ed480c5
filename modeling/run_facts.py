"""What the page of a run tells beside its setting: where it stands, the hash of what it trained on."""

from django.utils.translation import gettext as _

from modeling.models import Run


def facts_of(run: Run) -> list[tuple[str, str]]:
    """Names and values: name, variant, whole content hash, code version, attempts, how long it took."""
    facts = [(_("Name"), run.name), (_("Variant"), run.variant), (_("Code version"), run.code_version)]
    if run.snapshot is not None:
        facts.append((_("Content hash of the training set"), run.snapshot.content_hash))
    job = run.job
    if job is not None and job.started_at is not None:
        facts.append((_("Attempts"), str(job.attempt)))
        if job.finished_at is not None:
            minutes = (job.finished_at - job.started_at).total_seconds() / 60
            facts.append((_("Took"), _("%(minutes).1f minutes") % {"minutes": minutes}))
    return [(name, value) for name, value in facts if value]
