"""What jobs say: every message that their code can write is known, and said in the reader's language."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.template.loader import get_template
from django.test import Client
from django.urls import reverse
from django.utils import translation

from mammo.accounts.models import Site, User
from mammo.core.translations import rooms
from mammo.jobs import doorbell, services
from mammo.jobs.messages import shown_message, templates
from mammo.jobs.models import Job
from modeling.services.stages import SPECS
from modeling.services.zero_shot import METHODS
from tests.mammo.jobs.counting import KIND

ROOT = Path(__file__).resolve().parents[3]
HAN = re.compile(r"[\u4e00-\u9fff]")
PLACE = re.compile(r"%\((\w+)\)[srd]")
# Code of children and workers, and what ends as the error of a job there.
SOURCES = (
    "annotation/exporting",
    "modeling/data",
    "modeling/inference",
    "modeling/nn",
    "modeling/training",
    "modeling/services/results.py",
    "platform/mammo/archive/dicomweb.py",
    "platform/mammo/archive/tables.py",
    "platform/mammo/jobs",
)
ERRORS = {
    *("UserError", "BadRequestError", "CheckpointError", "ConfigError", "EncoderError", "ModelFolderError"),
    *("ResumeError", "SnapshotError", "SystemUnavailableError", "UndefinedError", "ViewError"),
}
# Which argument of a call is the message.
SAYS = {"report_progress": 2, "fail": 1, "requeue": 1, "complain": 0}
# Read where a person typed the command, not on the page of a job.
NOT_OF_JOBS = ("supervisor.py", "phantoms.py", "services.py", "queue_folder.py")


def _filled(node: ast.expr) -> Iterator[str]:
    """The texts an expression can be, places filled with something short; nothing for what is no literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield PLACE.sub("L", node.value)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "L" for part in node.values)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _filled(value)
    elif isinstance(node, ast.IfExp):
        yield from (*_filled(node.body), *_filled(node.orelse))
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        yield from _filled(node.left)
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
        yield from _filled(node.args[0])


def written_messages() -> Iterator[tuple[str, str]]:
    """(file, message) of every error and word of progress in the code of jobs."""
    for source in SOURCES:
        place = ROOT / source
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            if path.name in NOT_OF_JOBS or "migrations" in path.parts or "management" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                at = 0 if name in ERRORS else SAYS.get(name, -1)
                if 0 <= at < len(node.args):
                    yield from ((path.name, said) for said in _filled(node.args[at]))


def _has_own_words(text: str) -> bool:
    return len(re.sub(r"\bL\b|[^A-Za-z]", "", text)) > 3 and not text.startswith("usage: ")


def test_every_message_of_the_code_has_a_chinese_wording() -> None:
    found = [(name, text) for name, text in written_messages() if _has_own_words(text)]
    assert len(found) > 150
    with translation.override("zh-hans"):
        unknown = [(name, text) for name, text in found if not HAN.search(shown_message(text))]
    assert unknown == []


def test_stages_and_methods_are_said_as_progress() -> None:
    with translation.override("zh-hans"):
        for word in (*(spec.stage.value for spec in SPECS), *METHODS):
            assert HAN.search(shown_message(word)), word


def test_every_template_is_translated_and_keeps_its_places() -> None:
    assert len(templates()) > 200
    with translation.override("zh-hans"):
        for template in templates():
            said = translation.gettext(template)
            assert HAN.search(said), template
            assert sorted(PLACE.findall(said)) == sorted(PLACE.findall(template)), template


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("its worker was lost", "执行它的工作进程失去联系"),
        ("loading glm-4", "正在加载 glm-4"),
        ("ValueError, exit status 1; the log tells more", "ValueError，退出状态 1；详见日志"),
        # A message inside another one is said as well.
        (
            "system a: answers file b.csv does not exist: put it there or name another",
            "系统 a：回答文件 b.csv 不存在",
        ),
        # Of two that fit, the one that says more in its own words.
        ("lr: 'x' is not one of 'a', 'b'", "lr：'x' 不是以下之一：'a', 'b'"),
        ("lr: 'x' is not a number", "lr：'x' 不是数值"),
    ],
)
def test_values_stay_in_what_is_said(stored: str, said: str) -> None:
    with translation.override("en"):
        assert shown_message(stored) == stored
    with translation.override("zh-hans"):
        assert shown_message(stored).startswith(said)


def test_what_nobody_knows_stays_as_it_is() -> None:
    with translation.override("zh-hans"):
        assert shown_message("something new <b>, and 50% more") == "something new <b>, and 50% more"
        assert shown_message("") == ""


def test_no_template_prints_what_a_job_stored_as_it_is() -> None:
    prints = re.compile(r"{{\s*[\w.]*\b(?:job\.error|progress\.message)\b(?!\|shown_message)")
    pages = [path for room in rooms() for path in room.folder.rglob("templates/**/*.html")]
    assert len(pages) > 100
    assert [path.name for path in pages if prints.search(path.read_text("utf-8"))] == []


@pytest.mark.django_db
def test_pages_say_a_failed_and_a_running_job_in_chinese(
    rita: User, site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbell, "_publish", lambda job: None)
    failed, running = (services.submit(KIND, by_user=rita, site=site, parameters={}) for _ in range(2))
    for job, name in ((failed, "w:1"), (running, "w:2")):
        assert services.claim(job.pk, name) is not None
    services.fail(Job.objects.get(pk=failed.pk), "it ended without an answer file")
    services.report_progress(
        Job.objects.get(pk=running.pk), {"done": 1, "total": 4, "message": "encoding images"}
    )
    client.force_login(rita)
    client.cookies["django_language"] = "zh-hans"

    def page(address: str) -> str:
        return client.get(address).content.decode()

    of_failed, of_running = (reverse("jobs:job", args=[job.pk]) for job in (failed, running))
    for address in (reverse("jobs:list"), of_failed):
        assert "运行结束，但没有留下结果文件" in page(address)
        assert "without an answer file" not in page(address)
    for address in (reverse("jobs:list"), of_running):
        assert "正在编码图像" in page(address)
        assert "encoding images" not in page(address)
    run: Any = {"job": Job.objects.get(pk=failed.pk), "pk": failed.pk}
    with translation.override("zh-hans"):
        shown = get_template("modeling/_run_state.html").render({"run": run})
    assert "运行结束，但没有留下结果文件" in shown
