"""The screen before freezing: rules, the same for every arm, settle what would give one away."""

from dataclasses import dataclass
from statistics import median

from django.db import transaction
from django.utils.translation import gettext as _

from evaluation.answers.dialogue import parts_of
from evaluation.answers.screen import (
    ACCEPT,
    ACTIONS,
    CUT,
    EMPTY,
    LANGUAGE,
    LENGTH,
    MEASURED,
    NAME,
    SELF_IDENTIFICATION,
    TEMPLATE_DEBRIS,
    Finding,
    Rule,
    language_outlier,
    length_outliers,
    screen,
    unsettled,
)
from evaluation.models import Answer, Trial
from evaluation.services.access import locked_trial, require_designer
from evaluation.services.answers import NO_ANSWER, apply_rule, rules_of
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import UserError
from mammo.core.versions import save_versioned

# An answer cut shorter than this says nothing.
LEAST_LENGTH = 50


@dataclass(frozen=True)
class Hit:
    """One finding in the answers of a trial, with how many answers hold it.

    Attributes:
        settled: a rule says what is done with it; only findings that block need one.
        can_be_cut: a cut would settle some of them.
    """

    finding: Finding
    answers: int
    settled: bool
    can_be_cut: bool = False

    @property
    def kind_label(self) -> str:
        """The kind as printed."""
        return {
            SELF_IDENTIFICATION: _("self-identification"),
            TEMPLATE_DEBRIS: _("debris of a template"),
            NAME: _("name"),
            EMPTY: _("no text"),
            LANGUAGE: _("another language than the question's"),
            LENGTH: _("unusual length"),
        }[self.finding.kind]


@dataclass(frozen=True)
class _Outlier:
    """An answer of unusual length or language.

    Attributes:
        is_long: it is too long and nowhere too short: what a rule that cuts lengths is about.
    """

    answer: str
    finding: Finding
    is_long: bool = False


def screen_trial(trial: Trial) -> list[Hit]:
    """Every different finding in the shown texts, those that block first.

    Outliers of length or language are one finding of those that a rule settles, and one of those that none does yet.
    """
    answers, rules = _scored_answers(trial), rules_of(trial)
    names = _names(trial, answers)
    counts: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], Finding] = {}
    for answer in answers:
        for key, finding in _findings(answer, names).items():
            if finding.kind not in MEASURED:
                first.setdefault(key, finding)
                counts[key] = counts.get(key, 0) + 1
    hits = [Hit(finding, counts[key], not unsettled([finding], rules)) for key, finding in first.items()]
    for kind in sorted(MEASURED):
        found = _outliers(answers, kind)
        for settled in (False, True):
            alike = [one for one in found if _is_settled(one, rules) == settled]
            if alike:
                long = any(one.is_long for one in alike)
                hits.append(Hit(alike[0].finding, len(alike), settled, can_be_cut=long))
    return sorted(
        hits, key=lambda hit: (hit.settled, not hit.finding.blocks, hit.finding.kind, hit.finding.matched)
    )


def _scored_answers(trial: Trial) -> list[Answer]:
    rows = Answer.objects.filter(arm__trial=trial, arm__left_out_reason="")
    return list(rows.select_related("author", "question__question"))


def _outliers(answers: list[Answer], kind: str) -> list[_Outlier]:
    return _of_length(answers) if kind == LENGTH else _of_language(answers)


def _of_language(answers: list[Answer]) -> list[_Outlier]:
    found = []
    for answer in answers:
        language = answer.question.question.language
        parts = [language_outlier(part, language) for part in parts_of(answer.shown_text)]
        found += [_Outlier(str(answer.pk), finding) for finding in parts if finding is not None][:1]
    return found


def _of_length(answers: list[Answer]) -> list[_Outlier]:
    """Each answer of a dialogue is measured by itself: the whole is longer than a single answer by nature; one without
    any text is a finding of its own."""
    none = {"", *NO_ANSWER.values()}
    parts = [
        (str(answer.pk), len(part))
        for answer in answers
        for part in parts_of(answer.shown_text)
        if part.strip() not in none
    ]
    lengths = [length for _pk, length in parts]
    finding = Finding(LENGTH, "under a quarter or over four times the median length")
    is_long: dict[str, bool] = {}
    for place in length_outliers(lengths):
        pk, length = parts[place]
        is_long[pk] = is_long.get(pk, True) and length > median(lengths)
    return [_Outlier(pk, finding, long) for pk, long in is_long.items()]


def _is_settled(outlier: _Outlier, rules: list[Rule]) -> bool:
    """An outlier is settled where a rule accepted this answer, or cut what is too long; a cut settles no short one."""
    for rule in rules:
        if rule.kind == outlier.finding.kind:
            if rule.action == ACCEPT and outlier.answer in rule.answers:
                return True
            if rule.action == CUT and outlier.is_long:
                return True
    return False


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
    return [hit for hit in screen_trial(trial) if hit.finding.blocks and not hit.settled]


def settle(
    trial: Trial,
    matched: str,
    action: str,
    reason: str,
    *,
    by_user: User,
    kind: str = "",
    limit: int | None = None,
) -> int:
    """Settle one finding by a rule for every arm.

    A wording is removed, its sentence is removed, or it is accepted. Outliers of length and language are settled
    together: those that are there now are accepted, or (length) every answer of every arm is cut to `limit` characters
    at the end of a sentence, later ones too. Later outliers are not accepted by it, nor short ones by a cut.

    Args:
        matched: the wording; empty for answers without any text (which can only be accepted).
        kind: length or language, for a rule about outliers.
        limit: characters, with the action cut.

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
    _check_kind(kind, action, limit)
    rule = Rule("" if kind else " ".join(matched.split()), action, reason.strip(), kind, limit)
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.DRAFT)
        kept: dict[str, str | int | list[str]] = {
            "matched": rule.matched,
            "action": rule.action,
            "reason": rule.reason,
        }
        if kind:
            kept["kind"] = kind
        if limit is not None:
            kept["limit"] = limit
        if kind and action == ACCEPT:
            kept["answers"] = _waiting(row, kind)
        rules = [*row.screening, kept]
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


def _waiting(trial: Trial, kind: str) -> list[str]:
    """Ids of the outliers of a kind that no rule settles yet."""
    rules = rules_of(trial)
    return sorted(
        one.answer for one in _outliers(_scored_answers(trial), kind) if not _is_settled(one, rules)
    )


def _check_kind(kind: str, action: str, limit: int | None) -> None:
    """A rule about outliers accepts them or cuts lengths; one about a wording cuts nothing."""
    if kind and kind not in MEASURED:
        raise UserError(
            _("kind: %(kind)r is unknown; known: %(known)s")
            % {"kind": kind, "known": ", ".join(sorted(MEASURED))}
        )
    if kind and action not in ((ACCEPT, CUT) if kind == LENGTH else (ACCEPT,)):
        raise UserError(_("action: outliers are accepted; those of length can be cut too"))
    if not kind and action == CUT:
        raise UserError(_("action: cut is for outliers of length alone"))
    if (action == CUT) != (limit is not None) or (limit is not None and limit < LEAST_LENGTH):
        raise UserError(
            _("limit: give the characters that answers are cut to, at least %(least)s, and only for cut")
            % {"least": LEAST_LENGTH}
        )
