"""Results on a page: the report's own sections and figures, under codes until the unblinding, for who may see tables."""

import base64
import re
from html import unescape
from typing import Any

import pytest
from django.urls import reverse
from django.utils import translation

from evaluation.models import Protocol, ReaderStudy, Trial
from evaluation.reports.study.data import from_trial
from evaluation.reports.study.parts import Section
from evaluation.reports.study.sections import sections
from evaluation.services.protocols import create_protocol, freeze_protocol
from evaluation.services.scoring import lock_trial
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from mammo.accounts.models import AuditEvent, User
from tests.evaluation import scene
from tests.evaluation.pages.test_designing import client_of
from tests.evaluation.reports.conftest import archive, reader_study  # noqa: F401

SHOWN = ("Primary endpoint", "Mean scores", "Differences between arms (secondary)", "Agreement of the raters")
NAMES = ("Untuned model", "Junior doctor")


@pytest.fixture
def planned(rita: User, june: User, sena: User, sol: User, site: Any) -> Trial:
    """A scored trial, open yet, whose protocol plans a contrast."""
    endpoint = {"endpoint": "correctness", "first": "MammoVLM", "second": "Junior doctor"}
    protocol = create_protocol("Plan", site=site, by_user=rita, primary_endpoint=endpoint)
    draft = scene.draft_trial(rita, scene.questions_of(rita, [june, sena, sol]), june)
    Trial.objects.filter(pk=draft.pk).update(protocol=freeze_protocol(protocol, by_user=rita))
    draft.refresh_from_db()
    scene.answer_all(draft, rita, june)
    trial = scene.opened(draft, rita, [sena, sol])
    scene.score_all(trial)
    return trial


def page_of(user: User, trial: Trial, query: str = "") -> str:
    answer = client_of(user).get(reverse("evaluation:results", args=[trial.pk]) + query)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def words_of(part: Section) -> list[str]:
    """Every text of a section."""
    cells = [text for grid in part.grids for row in [grid.header, *grid.rows] for text in row]
    captions = [grid.caption for grid in part.grids] + [picture.caption for picture in part.pictures]
    return [part.title, *part.paragraphs, *captions, *cells]


def test_the_page_says_what_the_report_says_under_codes_and_then_by_name(
    planned: Trial, rita: User, stan: User
) -> None:
    lock_trial(planned, by_user=rita)
    for state in (Trial.State.LOCKED, Trial.State.UNBLINDED):
        planned.refresh_from_db()
        assert planned.state == state
        page = page_of(stan, planned)
        report = {part.title: part for part in sections(from_trial(planned, simulated=False))}
        for title in SHOWN:
            assert [text for text in words_of(report[title]) if text not in page] == [], title
        if state == Trial.State.LOCKED:
            assert not [name for name in NAMES if name in page]
            assert "which of the differences is the primary one is told after unblinding" in page
            request_unblinding(planned, by_user=rita, reason="done")
            confirm_unblinding(planned, by_user=stan)
    assert "MammoVLM − Junior doctor" in page
    assert "p (two-sided)" in page
    drawn = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert len(drawn) == sum(len(report[title].pictures) for title in SHOWN)
    assert all(b"<svg" in base64.b64decode(text) for text in drawn)


def test_a_figures_files_are_those_of_the_report_and_every_download_is_on_the_trail(
    planned: Trial, rita: User, stan: User
) -> None:
    lock_trial(planned, by_user=rita)
    client = client_of(stan)
    report = sections(from_trial(planned, simulated=False))
    pictures = [p for part in report if part.title in SHOWN for p in part.pictures]
    begins = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}
    for picture in (pictures[0], pictures[-1]):
        for ending, first in begins.items():
            address = reverse("evaluation:result-figure", args=[planned.pk, picture.name, ending])
            answer = client.get(address)
            assert (answer.status_code, answer.content[: len(first)]) == (200, first)
            assert answer["Content-Disposition"] == f'attachment; filename="{picture.name}.{ending}"'
            assert answer.content == picture.file(ending)
    assert AuditEvent.objects.filter(action="evaluation.figure_downloaded").count() == 6
    for figure, ending in (("radar", "exe"), ("nothing", "svg"), ("flow", "svg")):
        address = reverse("evaluation:result-figure", args=[planned.pk, figure, ending])
        assert client.get(address).status_code == 404


def test_before_the_lock_the_page_says_what_is_planned_and_why_there_is_no_result(
    planned: Trial, rita: User, stan: User, sena: User
) -> None:
    for user in (rita, stan):
        page = page_of(user, planned)
        assert "There is no result yet." in page
        assert "Results are computed once the scores are locked." in page
        assert "Superiority" in page
        # Neither arm of the contrast, nor a code.
        assert not [name for name in NAMES if name in page]
        assert not [code for code in planned.arms.values_list("code", flat=True) if f"{code}<" in page]
        assert "data:image/svg" not in page
        figure = reverse("evaluation:result-figure", args=[planned.pk, "radar", "svg"])
        assert client_of(user).get(figure).status_code == 404
    address = reverse("evaluation:results", args=[planned.pk])
    assert client_of(sena).get(address).status_code == 404
    lock_trial(planned, by_user=rita)
    assert client_of(sena).get(address).status_code == 404
    Protocol.objects.filter(pk=planned.protocol_id).update(alpha=0.2)
    assert client_of(rita).get(address).status_code == 409


def test_trials_and_tables_lead_to_the_results_and_chinese_pages_are_chinese(
    planned: Trial, rita: User
) -> None:
    lock_trial(planned, by_user=rita)
    client, link = client_of(rita), reverse("evaluation:results", args=[planned.pk])
    for name, arguments in (("trial", [planned.pk]), ("tables", [])):
        assert f'href="{link}' in client.get(reverse(f"evaluation:{name}", args=arguments)).content.decode()
    page = client.get(link, headers={"Accept-Language": "zh-hans"}).content.decode()
    with translation.override("zh-hans"):
        report = {part.title: part for part in sections(from_trial(planned, simulated=False))}
        said = [words_of(part) for title, part in report.items() if title in ("主要终点", "平均分")]
    assert len(said) == 2
    assert [text for texts in said for text in texts if text not in unescape(page)] == []


def test_only_simulated_scores_are_left_out_until_they_are_asked_for(planned: Trial, rita: User) -> None:
    lock_trial(planned, by_user=rita)
    page = page_of(rita, planned, "?simulated=1")
    assert "then nothing here is a result" in page
    assert "?simulated=1" in page


def test_a_reader_studys_page_compares_the_conditions(
    reader_study: ReaderStudy,  # noqa: F811
    rita: User,
    stan: User,
    june: User,
) -> None:
    address = reverse("evaluation:reader-results", args=[reader_study.pk])
    page = client_of(stan).get(address).content.decode()
    assert "Readers alone and with the model" in page
    assert "Rates of every reader" in page
    for ending in ("svg", "pdf", "png"):
        figure = reverse("evaluation:reader-result-figure", args=[reader_study.pk, "roc", ending])
        assert client_of(rita).get(figure).status_code == 200
    assert client_of(june).get(address).status_code == 404
    ReaderStudy.objects.filter(pk=reader_study.pk).update(state="reading")
    early = client_of(stan).get(address).content.decode()
    assert "Results are computed once the readings are locked." in early
    assert "data:image/svg" not in early
