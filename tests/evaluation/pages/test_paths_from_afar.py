"""Which files a web researcher may name as a system: models of the site, and nothing else on the server."""

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.models import Trial
from evaluation.services.arms import add_system_arm
from mammo.accounts.models import User
from tests.evaluation.pages.test_designing import client_of, post


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of models, with one model, one secret beside it and a link that leads to it."""
    (tmp_path / "models" / "glm").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "models" / "link").symlink_to(tmp_path / "secret")
    monkeypatch.setenv("MAMMO_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def refused(models: Path) -> list[dict[str, Any]]:
    paths = ("/etc/passwd", "../secret", f"{models}/../secret", "link", f"{models}/link", str(models), "", 5)
    model = [{"kind": "transformers", "path": path} for path in (*paths, "glm\0")]
    return [*model, {"kind": "file", "path": "/etc/passwd"}, {"kind": "file", "path": "glm/answers.csv"}]


def test_a_path_outside_of_the_models_is_refused_on_pages(draft: Trial, rita: User, models: Path) -> None:
    client, before = client_of(rita), draft.arms.count()
    for place, spec in enumerate(refused(models)):
        answer = post(client, "design", draft.pk, do="system", name=f"S{place}", spec=json.dumps(spec))
        assert answer.status_code == 400, spec
        assert "spec: " in answer.content.decode()
    assert draft.arms.count() == before
    page = post(client, "design", draft.pk, do="system", name="F", spec=json.dumps(refused(models)[-1]))
    assert "upload the file of answers instead" in page.content.decode()


def test_models_of_the_site_and_hub_names_are_taken(draft: Trial, rita: User, models: Path) -> None:
    client = client_of(rita)
    for place, path in enumerate(("glm", str(models / "glm"), "owner/name")):
        spec = json.dumps({"kind": "transformers", "path": path})
        assert post(client, "design", draft.pk, do="system", name=f"S{place}", spec=spec).status_code == 302
    assert draft.arms.filter(name__in=("S0", "S1", "S2")).count() == 3


def test_without_a_folder_of_models_no_path_is_taken_but_hub_names(
    draft: Trial, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAMMO_MODELS", raising=False)
    client = client_of(rita)
    for path, status in (("evaluation", 400), ("/etc", 400), ("docs/decisions", 400), ("owner/name", 302)):
        spec = json.dumps({"kind": "transformers", "path": path})
        assert post(client, "design", draft.pk, do="system", name=path, spec=spec).status_code == status


def test_whoever_works_on_the_server_names_any_path(draft: Trial, rita: User, models: Path) -> None:
    arm = add_system_arm(draft, "Own", by_user=rita, spec={"kind": "file", "path": "/data/answers.csv"})
    assert arm.spec["path"] == "/data/answers.csv"
