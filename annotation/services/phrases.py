"""The phrase book: sentences that are written often; one's own, or shared by a researcher."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from annotation.models import Campaign, Phrase
from annotation.question_table import language_of
from annotation.services.wording import plain
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, UserError

LONGEST = 500
MOST = 200


def add(campaign: Campaign, *, by_user: User, text: str, is_shared: bool = False) -> Phrase:
    """Add a phrase; the same one twice changes nothing.

    Args:
        is_shared: everybody in the campaign sees it; counts for researchers only.

    Raises:
        UserError: it is empty or too long, or the book is full.
    """
    said = plain(text)
    if not said or len(said) > LONGEST:
        raise UserError(_("phrase: write a sentence of 1 to %(limit)s characters") % {"limit": LONGEST})
    if Phrase.objects.filter(campaign=campaign, by_user=by_user).count() >= MOST:
        raise UserError(_("phrase: your book holds %(most)s phrases; take one out first") % {"most": MOST})
    shared = is_shared and by_user.has_role("researcher", "admin", site=campaign.site)
    try:
        with transaction.atomic():
            return Phrase.objects.create(
                campaign=campaign, by_user=by_user, text=said, language=language_of(said), is_shared=shared
            )
    except IntegrityError:
        return Phrase.objects.get(campaign=campaign, by_user=by_user, text=said)


def remove(row: Phrase, *, by_user: User) -> None:
    """Take a phrase of one's own out of the book.

    Raises:
        NotAllowedError: somebody else wrote it.
    """
    if row.by_user_id != by_user.pk:
        raise NotAllowedError(_("Only the person who wrote a phrase takes it out."))
    row.delete()
