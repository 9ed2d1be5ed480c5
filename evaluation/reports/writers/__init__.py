"""A table in six formats. A writer takes a Table and returns the bytes of a file."""

from collections.abc import Callable

from evaluation.reports.table import Table
from evaluation.reports.writers.comma_separated import write_csv
from evaluation.reports.writers.html_page import write_html
from evaluation.reports.writers.latex import write_latex
from evaluation.reports.writers.markdown import write_markdown
from evaluation.reports.writers.spreadsheet import write_xlsx
from evaluation.reports.writers.word import write_docx

WRITERS: dict[str, Callable[[Table], bytes]] = {
    "csv": write_csv,
    "docx": write_docx,
    "html": write_html,
    "md": write_markdown,
    "tex": write_latex,
    "xlsx": write_xlsx,
}
# Formats that a terminal can show.
TEXT_FORMATS = frozenset({"csv", "html", "md", "tex"})
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "tex": "application/x-tex; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
