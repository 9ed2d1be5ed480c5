"""The study report in docs, and the generator on a trial like the demo's: nothing unread, no limit beyond its scale."""

import re
from pathlib import Path

import pytest

from evaluation.models import Score, Trial
from evaluation.reports.study.data import from_trial
from evaluation.reports.study.render import to_html
from evaluation.reports.study.sections import report_title, sections
from evaluation.services.freezing import design_hash
from evaluation.services.protocols import protocol_hash
from evaluation.services.scoring import lock_trial, next_slot, record_scores
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from mammo.accounts.models import User
from mammo.demo.story.trials import ETHICS, RULES
from tests.evaluation import scene
from tests.evaluation.reports.report_text import unread_or_beyond

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "study_report" / "report.html"
ENDPOINT = {
    "endpoint": "correctness",
    "first": "MammoVLM",
    "second": "Untuned model",
    "hypothesis": "superiority",
}


def test_the_example_in_the_documentation_holds_nothing_unread_and_no_limit_beyond_the_scale() -> None:
    assert unread_or_beyond(EXAMPLE.read_text(encoding="utf-8")) == []


def headings_of(html: str) -> dict[str, set[str]]:
    """Heads of the tables by section; the arms, which stand there too, are those of the mean scores."""
    parts = dict(re.findall(r"<section><h2>([^<]*)</h2>(.*?)</section>", html, re.S))
    arms = set(re.findall(r"<tr><td>([^<]*)</td>", parts["Mean scores"]))
    return {title: set(re.findall(r"<th[^>]*>([^<]*)</th>", part)) - arms for title, part in parts.items()}


def test_the_example_holds_no_path_of_the_machine_that_made_it() -> None:
    html = EXAMPLE.read_text(encoding="utf-8")
    assert not re.findall(r"(?<![\w<])/(?:home|root|tmp|work|srv|var|Users|opt)/[^\s<\"]*", html)


@pytest.mark.slow
def test_the_example_has_the_headings_that_the_generator_writes_today(
    near_the_end: Trial, rita: User, stan: User
) -> None:
    request_unblinding(near_the_end, by_user=rita, reason="done")
    confirm_unblinding(near_the_end, by_user=stan)
    written = headings_of(html_of(Trial.objects.get(pk=near_the_end.pk)))
    example = headings_of(EXAMPLE.read_text(encoding="utf-8"))
    # Its table stands there only where a rater failed a control.
    failed = "With and without raters who failed controls"
    assert written.pop(failed) is not None
    assert example.pop(failed) is not None
    assert written == example


def html_of(trial: Trial) -> str:
    data = from_trial(trial, simulated=False)
    return to_html(report_title(data), sections(data)).decode()


@pytest.fixture
def near_the_end(rita: User, june: User, sena: User, sol: User) -> Trial:
    """A trial as the demo designs one; two raters who use the upper end of the scale, one less than the other."""
    protocol = {"ethics_approval": ETHICS, "rules": RULES, "primary_endpoint": ENDPOINT}
    trial = scene.open_trial(rita, june, [sena, sol], 14, repeats=1, controls=1, protocol=protocol)
    for place, rater in enumerate(trial.raters.select_related("user").order_by("pk")):
        while (slot := next_slot(rater)) is not None:
            base = min(100, 99 - 12 * place + slot.position % 3) - 20 * (slot.kind == "control")
            values = dict.fromkeys(scene.ASPECTS, base)
            record_scores(slot, by_user=rater.user, values=values, active_seconds=20)
    assert Score.objects.filter(value=100).exists()
    return lock_trial(trial, by_user=rita)


@pytest.mark.slow
def test_a_report_like_the_demos_holds_nothing_unread_and_no_limit_beyond_the_scale(
    near_the_end: Trial,
) -> None:
    report = html_of(near_the_end)
    assert unread_or_beyond(report) == []
    assert ETHICS in report
    # The spread between the raters would carry the intervals beyond 100: they end there.
    assert ", 100.0]" in report
    assert "1 of 2 degraded controls failed" not in report


@pytest.mark.slow
def test_the_check_finds_what_it_looks_for(near_the_end: Trial) -> None:
    report = html_of(near_the_end)
    assert unread_or_beyond(report.replace(", 100.0]", ", 100.6]", 1)) != []
    protocol = near_the_end.protocol
    protocol.primary_endpoint = {"aspect": "correctness"}
    # As if it had been frozen so: what was altered afterwards gives no report.
    protocol.frozen_sha256 = protocol_hash(protocol)
    protocol.save()
    trial = Trial.objects.get(pk=near_the_end.pk)
    Trial.objects.filter(pk=trial.pk).update(design_sha256=design_hash(trial))
    trial.refresh_from_db()
    assert any("can't be read" in line for line in unread_or_beyond(html_of(trial)))
