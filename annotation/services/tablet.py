"""A patient asks on a tablet: one link, used once, for a short time; she sees the consent and no AI text."""

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.models import Campaign, Question, TabletLink
from annotation.question_table import LONGEST_POOL, LONGEST_QUESTION, QuestionRow
from annotation.services.access import require_table_keeper
from annotation.services.questions import (
    import_questions,
    matched,
    other_language,
    received,
    takes_language,
)
from annotation.services.wording import plain
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.choices import Language
from mammo.core.errors import UserError, WrongStateError

LINK_TIME = timedelta(hours=2)


def invite(
    campaign: Campaign,
    *,
    by_user: User,
    language: str,
    patient: str = "",
    accession: str = "",
    pool: str = "",
) -> tuple[TabletLink, str]:
    """Make a link for one patient; returns it with its token, which is stored as a hash only.

    Args:
        patient: her hospital number, accession: her study's; both may be empty.
        pool: the people that her question will wait for; empty: all.

    Raises:
        NotAllowedError: neither researcher nor data manager of the site.
        WrongStateError: the campaign is closed.
        UserError: the campaign takes no questions in this language, there is no consent text in it, or the archive
            does not know her.
    """
    require_table_keeper(campaign.site, by_user)
    if campaign.state == Campaign.State.CLOSED:
        raise WrongStateError(_("The campaign “%(name)s” is closed.") % {"name": campaign.name})
    if language not in (Language.CHINESE, Language.ENGLISH):
        raise UserError(_("language: choose Chinese or English"))
    if not takes_language(campaign, language):
        raise UserError(other_language(campaign, language))
    consent = str(campaign.consent_text.get(language) or "").strip()
    if not consent:
        raise UserError(
            _("consent_text: empty in this language; write it among the campaign's settings first")
        )
    whom, study = matched(campaign.site, patient.strip(), accession.strip())
    token = secrets.token_urlsafe(24)
    with transaction.atomic():
        link = TabletLink.objects.create(
            campaign=campaign,
            patient=whom,
            study=study,
            language=language,
            pool=pool.strip()[:LONGEST_POOL],
            token_sha256=_hash(token),
            consent_text=consent,
            by_user=by_user,
            expires_at=timezone.now() + LINK_TIME,
        )
        audit.record(
            "annotation.tablet_link_made", by_user=by_user, on=campaign, site=campaign.site, link=str(link.pk)
        )
    return link, token


def link_of(token: str) -> TabletLink | None:
    """The link of a token that can be used now; None for an unknown, used or lapsed one."""
    rows = TabletLink.objects.filter(token_sha256=_hash(token), used_at__isnull=True)
    found = rows.filter(expires_at__gt=timezone.now()).exclude(campaign__state=Campaign.State.CLOSED)
    return found.select_related("campaign__site", "patient", "study").first()


def used_for(token: str, text: str) -> TabletLink | None:
    """The used link of a page that sends once more what it was used for: she did not see the answer to the first time.

    Returns:
        None for an unknown or unused link, once its time is over, and for other words than those that were taken in.
    """
    rows = TabletLink.objects.filter(token_sha256=_hash(token), question__isnull=False)
    link = rows.filter(expires_at__gt=timezone.now()).select_related("question__campaign__site").first()
    if link is None or link.question is None:
        return None
    return link if link.question.wording_received == received((plain(text),)) else None


def ask(token: str, *, text: str, agrees: bool) -> Question:
    """Store what she asks, cleaned of identity, with the consent that she saw; the link is used up.

    Raises:
        WrongStateError: the link was used or has lapsed.
        UserError: she did not agree, wrote nothing or too much, or the campaign's languages changed meanwhile.
    """
    asked = plain(text)
    if not agrees:
        raise UserError(_("Please tick that you agree, or give the tablet back: nothing was stored."))
    if not asked:
        raise UserError(_("Please write your question."))
    if len(asked) > LONGEST_QUESTION:
        raise UserError(_("Please shorten your question."))
    with transaction.atomic():
        used = TabletLink.objects.filter(
            token_sha256=_hash(token), used_at__isnull=True, expires_at__gt=timezone.now()
        ).update(used_at=timezone.now())
        if used != 1:
            raise WrongStateError(_("This page was used already, or its time is over."))
        link = TabletLink.objects.select_related("campaign__site", "patient", "study").get(
            token_sha256=_hash(token)
        )
        question = _stored(link, asked)
        TabletLink.objects.filter(pk=link.pk).update(question=question)
    return question


def _stored(link: TabletLink, asked: str) -> Question:
    consent = f"tablet {link.pk} {hashlib.sha256(link.consent_text.encode()).hexdigest()[:12]}"
    row = QuestionRow(
        number=1,
        patient="",
        accession="",
        language=link.language,
        turns=(asked,),
        source="tablet",
        consent=consent,
        asked_on=timezone.localdate(),
        pool=link.pool,
    )
    result = import_questions(
        link.campaign,
        [row],
        by_user=None,
        table_name="tablet",
        about=(link.patient, link.study),
        # Two women with the same words ask two questions; a link is used once, whoever presses twice.
        hers=str(link.pk),
    )
    if result.counts["rejected"]:
        raise UserError(
            _(
                "Questions in this language are no longer taken in. Please give the tablet back: nothing was stored."
            )
        )
    rows = Question.objects.filter(campaign=link.campaign)
    if result.counts["duplicate"]:
        raise UserError(
            _("You asked this before; thank you. Please write another question, or give the tablet back.")
        )
    return rows.get(consent_reference=consent)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
