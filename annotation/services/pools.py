"""Pools: groups of a campaign's people that share questions of their own; one question's pool, or many at once."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from annotation.models import Campaign, CampaignMember, Lease, Question
from annotation.question_table import LONGEST_POOL, SUFFIXES
from annotation.services import stages
from annotation.services.access import require_researcher
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.tables import Columns, read_table
from mammo.core import raw_files
from mammo.core.digits import number_in
from mammo.core.errors import UserError, WrongStateError
from mammo.core.versions import save_versioned

COLUMNS = Columns(required=("question", "pool"))
LARGEST_TABLE = 5_000_000
# Of what keeps questions where they are, so many are named.
MOST_NAMED = 10


def set_pool(member: CampaignMember, pool: str, *, by_user: User) -> None:
    """Put a member into a pool; the empty name is none.

    Raises:
        NotAllowedError: `by_user` is no researcher of the site.
        WrongStateError: the member holds questions, for now or for a later stage, that are for the people of the pool
            they would leave.
    """
    require_researcher(member.campaign.site, by_user)
    named = pool.strip()[:LONGEST_POOL]
    with transaction.atomic():
        held = Lease.objects.standing().unsettled()
        held = held.filter(question__campaign=member.campaign, user=member.user, purpose=member.purpose)
        kept = held.exclude(question__pool__in=("", named)).order_by("question__position")
        numbers = [str(number) for number in kept.values_list("question__position", flat=True)]
        if numbers:
            raise WrongStateError(
                _(
                    "%(user)s holds questions that are not for the new pool: %(numbers)s; take them back first."
                )
                % {"user": member.user, "numbers": _named(numbers, ", ")}
            )
        CampaignMember.objects.filter(pk=member.pk).update(pool=named)
        audit.record(
            "annotation.pool_changed",
            by_user=by_user,
            on=member.campaign,
            site=member.campaign.site,
            user=str(member.user_id),
            pool=named,
        )


def _named(those: Sequence[str], between: str) -> str:
    """The first of those, and how many more there are."""
    more = len(those) - MOST_NAMED
    said = [_("and %(count)s more") % {"count": more}] if more > 0 else []
    return between.join([*those[:MOST_NAMED], *said])


def set_question_pool(question: Question, pool: str, *, by_user: User) -> Question:
    """Let a question wait for the people of one pool; the empty name: for everybody in the campaign.

    Raises:
        NotAllowedError: `by_user` is no researcher of the site.
        UserError: the name is too long.
        WrongStateError: the question is done or out of the campaign, or somebody who is not of that pool holds it, be
            it for a later stage.
    """
    require_researcher(question.campaign.site, by_user)
    named = pool.strip()
    if len(named) > LONGEST_POOL:
        raise UserError(_("pool: longer than %(limit)s characters; shorten it") % {"limit": LONGEST_POOL})
    with transaction.atomic():
        question = stages.locked(question)
        if question.stage in (Question.Stage.PICKED, Question.Stage.WITHDRAWN):
            raise WrongStateError(_("Nobody works on this question any more: its pool stays."))
        if named == question.pool:
            return question
        stranger = _holder_outside(question, named)
        if stranger is not None:
            raise WrongStateError(
                _("%(user)s holds this question and is not of the pool “%(pool)s”; take it back first.")
                % {"user": stranger, "pool": named}
            )
        save_versioned(question, expected_version=question.version, changes={"pool": named})
        audit.record(
            "annotation.question_pool_changed",
            by_user=by_user,
            on=question,
            site=question.campaign.site,
            pool=named,
        )
    return question


def _holder_outside(question: Question, pool: str) -> User | None:
    """Somebody who has a seat with its work before them and could not do it if the question waited for `pool`."""
    if not pool:
        return None
    members = CampaignMember.objects.filter(
        campaign=question.campaign, pool=pool, user=OuterRef("user"), purpose=OuterRef("purpose")
    )
    held = Lease.objects.standing().unsettled().filter(~Exists(members), question=question)
    outside = held.select_related("user").order_by("seat", "pk").first()
    return outside.user if outside is not None else None


def set_pools(campaign: Campaign, pools: Mapping[int, str], *, by_user: User) -> list[Question]:
    """Put many questions into pools at once: all of them, or none where one can't be moved.

    Args:
        pools: by the question's number in the campaign; the empty name: for everybody in the campaign.

    Returns:
        the questions whose pool is another one now.

    Raises:
        NotAllowedError: `by_user` is no researcher of the site.
        UserError: the campaign has no question of a number, or a name is too long.
        WrongStateError: a question is done, or somebody holds it who is not of its new pool; each is named.
    """
    require_researcher(campaign.site, by_user)
    rows = Question.objects.filter(campaign=campaign, position__in=pools)
    found = {row.position: row for row in rows.select_related("campaign__site")}
    unknown = sorted(set(pools) - set(found))
    if unknown:
        raise UserError(
            _("question %(numbers)s: the campaign has none of this number")
            % {"numbers": ", ".join(map(str, unknown[:MOST_NAMED]))}
        )
    moved, kept = [], []
    with transaction.atomic():
        for number, pool in sorted(pools.items()):
            if found[number].pool == pool.strip():
                continue
            try:
                moved.append(set_question_pool(found[number], pool, by_user=by_user))
            except WrongStateError as error:
                kept.append(_("question %(number)s: %(reason)s") % {"number": number, "reason": error})
        if kept:
            raise WrongStateError(_("Nothing was changed. %(reasons)s") % {"reasons": _named(kept, "; ")})
        audit.record(
            "annotation.pools_changed",
            by_user=by_user,
            on=campaign,
            site=campaign.site,
            questions=len(moved),
            pools=sorted({question.pool for question in moved}),
        )
    return moved


def put_into_pool(
    campaign: Campaign, questions: Iterable[Question], pool: str, *, by_user: User
) -> list[Question]:
    """Put these questions of a campaign into one pool; as `set_pools`."""
    return set_pools(campaign, {question.position: pool for question in questions}, by_user=by_user)


def read_pools(file: "UploadedFile[bytes]") -> dict[int, str]:
    """Read a table with the columns question (its number in the campaign) and pool.

    Raises:
        UserError: names the column or row that is wrong, and the mend.
    """
    name = Path(file.name or "pools").name
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(
            _("%(name)s: tables of pools end in %(known)s") % {"name": name, "known": ", ".join(SUFFIXES)}
        )
    if (file.size or 0) > LARGEST_TABLE:
        raise UserError(_("%(name)s: larger than 5 MB; divide the table") % {"name": name})
    pools: dict[int, str] = {}
    with raw_files.laid_out() as folder:
        path = folder / f"table{suffix}"
        path.write_bytes(file.read())
        try:
            rows = read_table(path, COLUMNS, "pools")
        except UserError as error:
            raise UserError(str(error).replace(str(path), name)) from None
    for row in rows:
        text = row["question"].removesuffix(".0")
        number = number_in(text) if text.isascii() else None
        if number is None:
            raise UserError(
                _("%(name)s, row %(row)s: question %(text)r is no number of a question")
                % {"name": name, "row": row.number, "text": row["question"]}
            )
        if pools.get(number, row["pool"]) != row["pool"]:
            raise UserError(
                _("%(name)s, row %(row)s: question %(number)s stands in another pool above")
                % {"name": name, "row": row.number, "number": number}
            )
        pools[number] = row["pool"]
    return pools
