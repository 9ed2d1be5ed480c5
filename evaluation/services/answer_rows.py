"""Answers that come as rows: one text for a question, the list of its answers for a dialogue."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from evaluation.models import TrialQuestion
from mammo.core.errors import UserError
from mammo.core.outside_json import parsed


def texts_by_question(
    rows: Sequence[Mapping[str, Any]], questions: Sequence[TrialQuestion], *, source: str = ""
) -> dict[str, str | list[str]]:
    """What was answered to each question, by its id: a text, of a dialogue its answers in order.

    Args:
        rows: `question` (its position in the trial, or an id) and `text`, of a dialogue `turns`: a list, or JSON text
            of one.
        source: name of the file, for messages.

    Raises:
        UserError: a row names no question of the trial, one twice, holds no text or more or fewer answers than the
            dialogue has turns; or questions are missing.
    """
    by_id = {str(q.pk): q for q in questions}
    names = {str(q.position): str(q.pk) for q in questions}
    names |= {str(q.pk): str(q.pk) for q in questions} | {str(q.question_id): str(q.pk) for q in questions}
    found: dict[str, str | list[str]] = {}
    for number, row in enumerate(rows, start=1):
        key = names.get(str(row.get("question", "")).strip())
        if key is None:
            raise UserError(
                _("row %(row)s: no question %(name)s in the trial")
                % {"row": number, "name": row.get("question")}
            )
        question = by_id[key]
        turns = _turns(row, question, f"{source or 'answers'}, " + _("row %(row)s") % {"row": number})
        text = str(row.get("text") or "").strip()
        if key in found or not (turns or text):
            raise UserError(_("row %(row)s: a second answer to its question, or no text") % {"row": number})
        found[key] = turns or text
    if len(found) < len(questions):
        missing = [str(q.position) for q in questions if str(q.pk) not in found]
        raise UserError(_("questions without an answer: %(names)s") % {"names": ", ".join(missing[:20])})
    return found


def _turns(row: Mapping[str, Any], question: TrialQuestion, where: str) -> list[str] | None:
    """The answers of a dialogue; None for a single question."""
    given, named = row.get("turns") or None, {"where": where, "question": question.position}
    if not question.is_dialogue:
        if given is not None:
            raise UserError(
                _("%(where)s: question %(question)s is no dialogue; give one answer in text, not turns")
                % named
            )
        return None
    wanted = len(question.rounds)
    named |= {"wanted": wanted}
    if given is None or str(row.get("text") or "").strip():
        raise UserError(
            _(
                "%(where)s: question %(question)s is a dialogue of %(wanted)s turns; give its %(wanted)s answers as "
                "a list in turns, and no text"
            )
            % named
        )
    if isinstance(given, str):
        try:
            given = parsed(given)
        except ValueError:
            given = None
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise UserError(
            _('%(where)s: turns is no list of texts; write the answers as ["first", "second"]') % named
        )
    if len(given) != wanted:
        mend = _("add the missing answers") if len(given) < wanted else _("take out the extra answers")
        raise UserError(
            _(
                "%(where)s: the patient has %(wanted)s turns in question %(question)s, %(given)s answers are given; "
                "%(mend)s"
            )
            % (named | {"given": len(given), "mend": mend})
        )
    empty = next((place for place, one in enumerate(given, start=1) if not one.strip()), None)
    if empty is not None:
        raise UserError(
            _("%(where)s: answer %(place)s of turns is empty; write it") % (named | {"place": empty})
        )
    return [one.strip() for one in given]
