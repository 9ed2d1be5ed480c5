"""Modules that a child process reads too: translated for a page, in English where there is no Django."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.utils.translation import override

from mammo.archive.tables import Columns, read_table
from mammo.core import words
from mammo.core.errors import UserError

IN_A_CHILD = """
import sys
from mammo.core.words import gettext
assert gettext("this patient is erased already") == "this patient is erased already"
assert not [name for name in sys.modules if name.startswith("django")]
"""


def test_a_child_says_its_english_and_loads_no_django() -> None:
    root = Path(words.__file__).parents[2]
    subprocess.run([sys.executable, "-c", IN_A_CHILD], cwd=root, check=True, timeout=60)


def test_a_page_tells_what_is_wrong_with_a_table_in_the_readers_language(tmp_path: Path) -> None:
    table = tmp_path / "lis.csv"
    table.write_text("侧别\n左\n", encoding="utf-8")
    columns = Columns(required=("patient",), optional=("side",))
    with override("zh-hans"), pytest.raises(UserError, match="无法识别的列 '侧别'；可用的列：patient, side"):
        read_table(table, columns, "--table")
    with override("en"), pytest.raises(UserError, match="unknown column '侧别'; known: patient, side"):
        read_table(table, columns, "--table")
