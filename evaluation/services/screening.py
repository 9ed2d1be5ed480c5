"""The screen before freezing: rules, the same for every arm, settle what would give one away."""

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from evaluation.answers.dialogue import parts_of
from evaluation.answers.screen import ACTIONS, LENGTH, Finding, Rule, length_outliers, screen, unsettled
from evaluation.models import Answer, Trial
from evaluation.services.access import locked_trial, require_designer
from evaluation.services.answers import apply_rule, rules_of
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import UserError
from mammo.core.versions import save_versioned


@dataclass(frozen=True)
class Hit:
    """One finding in the answers of a trial, with how many answers hold it."""

    finding: Finding
    answers: int
    settled: bool


def screen_trial(trial: Trial) -> list[Hit]:
    """Every different finding in the shown texts, those that block first."""
    answers = list(
        Answer.objects.filter(arm__trial=trial, arm__left_out_reason="").select_related(
            "author", "question__question"
        )
    )
    names = _names(trial, answers)
    counts: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], Finding] = {}
    for answer in answers:
        for key, finding in _findings(answer, names).items():
            first.setdefault(key, finding)
            counts[key] = counts.get(key, 0) + 1
    # Each answer of a dialogue is measured by itself: the whole is longer than a single answer by nature.
    parts = [(answer.pk, len(part)) for answer in answers for part in parts_of(answer.shown_text)]
    outliers = {parts[place][0] for place in length_outliers([length for _pk, length in parts])}
    if outliers:
        key = (LENGTH, "")
        first[key] = Finding(LENGTH, "under a quarter or over four times the median length")
        counts[key] = len(outliers)
    rules = rules_of(trial)
    hits = [Hit(finding, counts[key], not unsettled([finding], rules)) for key, finding in first.items()]
    return sorted(
        hits, key=lambda hit: (hit.settled, not hit.finding.blocks, hit.finding.kind, hit.finding.matched)
    )


def _findings(answer: Answer, names: set[str]) -> dict[tuple[str, str], Finding]:
    """What the screen finds in an answer, all turns of a dialogue together; each wording once."""
    language = answer.question.question.language
    found: dict[tuple[str, str], Finding] = {}
    for part in parts_of(answer.shown_text):
        for finding in screen(part, language=language, names=names):
            found.setdefault((finding.kind, finding.matched.casefold()), finding)
    return found


def _names(trial: Trial, answers: list[Answer]) -> set[str]:
    """Names that no answer may hold: of the arms, the people who wrote, and the site."""
    names = {arm.name for arm in trial.arms.all()} | {trial.site.name, trial.site.code}
    for answer in answers:
        if answer.author is not None:
            names |= {answer.author.display_name, answer.author.username}
    # Words such as "junior" or "north" stand in ordinary sentences: a hit is settled by accepting it.
    return {name.strip() for name in names if len(name.strip()) >= (3 if name.isascii() else 2)}


def blocking_hits(trial: Trial) -> list[Hit]:
    """Findings that keep the trial from being frozen."""
    return [hit for hit in screen_trial(trial) if not hit.settled]


def settle(trial: Trial, matched: str, action: str, reason: str, *, by_user: User) -> int:
    """Settle one wording by a rule for every arm: remove it, remove its sentence, or accept it.

    Args:
        matched: the wording; empty for answers without any text (which can only be accepted).

    Returns:
        how many answers changed.

    Raises:
        WrongStateError: the trial is no draft, or the rule would leave an answer without any text.
        UserError: an unknown action, or no reason.
    """
    require_designer(trial.site, by_user)
    if action not in ACTIONS:
        raise UserError(
            _("action: %(action)r is unknown; known: %(known)s")
            % {"action": action, "known": ", ".join(ACTIONS)}
        )
    if not reason.strip():
        raise UserError(_("reason: say why, for the record"))
    rule = Rule(" ".join(matched.split()), action, reason.strip())
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.DRAFT)
        rules = [*row.screening, {"matched": rule.matched, "action": rule.action, "reason": rule.reason}]
        save_versioned(row, expected_version=row.version, changes={"screening": rules})
        changed = apply_rule(row, rule)
        # The wording is a text of a patient's answer: the trail keeps what was done, not the words.
        audit.record(
            "evaluation.screen_settled",
            by_user=by_user,
            on=row,
            site=row.site,
            action_taken=action,
            answers_changed=changed,
        )
    return changed
