"""A demo and a hospital never share a home: the demo's passwords stand on its sign-in page."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from mammo.accounts.models import Site
from mammo.accounts.services import create_site
from mammo.core.demo_accounts import DemoAccount, show_accounts
from mammo.core.errors import UserError
from tests import migrated

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("how", ["setting", "file"])
def test_no_hospital_is_made_where_a_demo_is(settings: Any, how: str) -> None:
    if how == "setting":
        settings.MAMMO_DEMO = True
    else:
        show_accounts([DemoAccount(username="june", password="shown to all", role="Junior radiologist")])
    with pytest.raises(UserError, match="MAMMO_HOME") as refused:
        create_site("north", "North Hospital", by_user=None)
    assert str(settings.MAMMO_HOME) in str(refused.value)
    with pytest.raises(CommandError, match="MAMMO_HOME"):
        call_command("create_site", "north", "North Hospital")
    assert not Site.objects.exists()
    create_site("demo", "Demonstration Hospital", by_user=None, is_simulated=True)


@pytest.mark.slow
def test_no_demo_begins_where_a_hospital_is(tmp_path: Path) -> None:
    """In a home of its own: the command says why, and leaves no sign-ins behind."""
    home = tmp_path / "hospital"
    known = {key: value for key, value in os.environ.items() if not key.startswith(("DATABASE", "MAMMO"))}
    environment = {**known, "MAMMO_HOME": str(home)}

    def manage(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=environment, capture_output=True, text=True
        )

    migrated.put_into(home)
    assert manage("migrate", "--verbosity", "0").returncode == 0
    assert manage("create_site", "north", "North Hospital").returncode == 0
    refused = manage("demo", "--serve", "0", "--quick")
    assert refused.returncode != 0
    assert "MAMMO_HOME" in refused.stderr
    assert "north" in refused.stderr
    assert not (home / "demo" / "signins.json").exists()
