"""Many people (or one impatient one) writing to one row at once, through the pages; counts what came of it."""

import json
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

WRITERS, AT_ONCE, CLICKS = 60, 20, 20


def storm(question_key: str, account: str) -> dict[str, Any]:
    """Sixty writers of one draft, twenty at once; then twenty double clicks and a retry of the sending."""
    from django.db import connections
    from django.test import Client

    from annotation.models import Correction, Draft, Proposal, Question
    from annotation.services.judged_work import KIND
    from mammo.accounts.models import User
    from tests.mammo.viewer.screens import describe, put_on_screen

    june = User.objects.get(username=account)
    question = Question.objects.get(pk=question_key)
    first, *others = Proposal.objects.current(question)
    if question.study is not None:
        describe(june)
        put_on_screen(june, KIND, question.pk, question.study)
    browser = Client()
    browser.force_login(june)
    cookies = {name: morsel.value for name, morsel in browser.cookies.items()}

    def own_browser() -> Client:
        client = Client(raise_request_exception=False)
        for name, value in cookies.items():
            client.cookies[name] = value
        return client

    def stored() -> tuple[int, str]:
        draft = Draft.objects.filter(question=question, user=june).first()
        if draft is None:
            return 0, ""
        return draft.version, json.dumps(draft.content, ensure_ascii=False)

    def write(number: int) -> tuple[int, int]:
        try:
            version, text = stored()
            kept = " ".join(word for word in words(text))
            form = {f"text-{first.pk}": f"{kept} w{number:02}", "round": 1, "draft_version": version}
            status = own_browser().post(f"/annotation/correct/{question.pk}/draft/", form).status_code
            return number, status
        finally:
            connections.close_all()

    def words(text: str) -> list[str]:
        import re

        return list(dict.fromkeys(re.findall(r"w\d\d", text)))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        written = list(pool.map(write, range(WRITERS)))
    version, text = stored()
    saved = {f"w{number:02}" for number, status in written if status == 200}
    form = {
        "idempotency_key": str(uuid.uuid4()),
        "round": 1,
        "draft_version": version,
        "revision": 0,
        f"text-{first.pk}": "corrected",
        **{f"no_change-{other.pk}": "on" for other in others},
        **{f"text-{other.pk}": other.text for other in others},
    }

    def click(_number: int) -> tuple[int, str]:
        try:
            answer = own_browser().post(f"/annotation/correct/{question.pk}/submit/", form)
            return answer.status_code, answer.headers.get("Location", "")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CLICKS) as pool:
        clicked = list(pool.map(click, range(CLICKS)))
    rows = Correction.objects.filter(proposal__question=question).count()
    again = click(0)
    return {
        "ok": len(saved),
        "conflict": sum(status == 409 for _, status in written),
        "other": dict(Counter(status for _, status in written if status not in (200, 409))),
        "lost": sorted(saved - set(words(text))),
        "version": version,
        "answers": [[status, place, count] for (status, place), count in Counter(clicked).items()],
        "rows": rows,
        "retry": list(again),
        "rows_after_retry": Correction.objects.filter(proposal__question=question).count(),
    }
