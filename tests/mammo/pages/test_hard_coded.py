"""No template and no script shows words that no translation reaches."""

import re
from pathlib import Path

import pytest

from mammo.core.hard_coded import error_classes, hard_coded, in_python, in_script, in_template, on_pages
from mammo.core.translations import rooms

ERRORS = ("UserError", "WrongStateError")
# Modules whose errors are read at a command line or in a worker's log; what ends as the error of a job is stored in
# English there, and pages say it through mammo.jobs.messages (tests/mammo/jobs/test_messages.py).
ONLY_COMMANDS = (
    "management/commands/",
    "mammo/core/translations.py",
    "mammo/demo/",
    "mammo/archive/datasets/",
    "mammo/archive/dataset_import.py",
    "mammo/archive/deidentification.py",
    "mammo/archive/labels.py",
    "mammo/archive/receiver.py",
    "mammo/archive/sending_systems.py",
    "mammo/archive/sources.py",
    "mammo/jobs/attempt_files.py",
    "mammo/jobs/devices.py",
    "mammo/jobs/kinds.py",
    "mammo/jobs/runner.py",
    "mammo/jobs/supervisor.py",
    "annotation/exporting/",
    "annotation/services/delivery.py",
    "modeling/services/results.py",
)


# Read by programmers, in English by decision: the interface's schema (docs/api.md) and what fields of rows mean.
FOR_PROGRAMMERS = re.compile(r"/models/|/models\.py$|/api[^/]*\.py$|mammo/api/")
# The paper's own rows and axes (docs/decisions; figures have English labels unless a font for others is found).
AS_IN_THE_PAPER = ("modeling/training/ablations.py", "evaluation/reports/figures/plots.py")
# Names of languages, makers and methods, the same in every language.
NAMES = frozenset(
    {"English", "Siemens", "Giotto", "Hologic", "GE", "Fujifilm", "Philips", "Holm", "Bonferroni"}
)


@pytest.mark.parametrize(
    "source",
    [
        "<p>Nothing waits for you.</p>",
        '<button title="Close">×</button>',
        '<img alt="Left breast">',
        '<input placeholder="Reason">',
        '<a aria-label="Next page">→</a>',
        "{% if x %}{{ n }} questions left{% endif %}",
        '{% state "Running" "running" %}',
        '{% breadcrumbs "Trials" trials_url trial.name %}',
        '{% empty_state _("No job yet.") "They appear here." %}',
        "{% translate 'Yes' %}, surely",
    ],
)
def test_words_of_a_template_that_no_translation_reaches_are_found(source: str) -> None:
    assert in_template(source)


@pytest.mark.parametrize(
    "source",
    [
        "<p>{% translate 'Nothing waits for you.' %}</p>",
        "{% blocktranslate count n=n %}{{ n }} job{% plural %}{{ n }} jobs{% endblocktranslate %}",
        '<button title="{% translate "Close" %}" class="btn-close">×</button>',
        '{% state _("Running") "running" %}{% state job.label "done" %}',
        '{% empty_state _("No job yet.") command="manage.py up" %}',
        "{% comment %}For those who read this.{% endcomment %}{# and this #}<!-- and this -->",
        "<kbd>Shift</kbd> <code>manage.py up</code> MammoVLM, BI-RADS 4A, 1–100, {{ total }} px",
        "{% block main_class %}container-xl{% endblock %}",
    ],
)
def test_what_is_translated_or_no_language_is_let_pass(source: str) -> None:
    assert in_template(source) == []


@pytest.mark.parametrize(
    "source",
    [
        'place.textContent = "Not saved";',
        "button.title = `Zoom in (${key})`;",
        "bar.setAttribute('aria-label', 'Viewer tools');",
        'confirm("Leave this page?")',
        'line.append("Loading");',
    ],
)
def test_words_that_a_script_shows_are_found(source: str) -> None:
    assert in_script(source)


@pytest.mark.parametrize(
    "source",
    [
        "place.textContent = document.body.dataset.textSaved;",
        "button.title = `${say(command.name)} (${command.key})`;",
        'bar.setAttribute("role", "toolbar"); bar.setAttribute("aria-label", say("tools"));',
        'document.querySelector("a text of a selector")',
        'label.textContent = "L CC";',
    ],
)
def test_what_a_script_takes_from_the_page_is_let_pass(source: str) -> None:
    assert in_script(source) == []


@pytest.mark.parametrize("room", [pytest.param(room, id=room.folder.name) for room in rooms()])
def test_no_room_shows_words_that_are_hard_coded(room) -> None:
    assert hard_coded(room.folder) == []


@pytest.mark.parametrize(
    "source",
    [
        'raise UserError("a reason is needed")',
        'raise UserError(f"{path}: holds no rows")',
        'raise WrongStateError("%s is frozen" % name)',
        'raise UserError("{} is frozen".format(name))',
        'raise UserError(problem or "the options are wrong")',
        'raise UserError("is frozen" if frozen else _("is open"))',
        'raise errors.UserError(_("is frozen") + " since yesterday")',
        'return UserError("made here, raised by the caller")',
    ],
)
def test_an_error_whose_message_no_translation_reaches_is_found(source: str) -> None:
    assert in_python(source, ERRORS)


@pytest.mark.parametrize(
    "source",
    [
        'raise UserError(_("%(path)s: holds no rows") % {"path": path})',
        'raise UserError(f"{path}: {problem}")',
        'raise UserError("; ".join(problems))',
        'raise UserError(ngettext("one row", "%(n)s rows", n) % {"n": n})',
        "raise UserError(problem)",
        'raise ValueError("said to a programmer")',
    ],
)
def test_an_error_that_is_translated_or_says_no_words_of_its_own_is_let_pass(source: str) -> None:
    assert in_python(source, ERRORS) == []


@pytest.mark.parametrize(
    "source",
    [
        'name = forms.CharField(label="Name of the set")',
        'name = forms.CharField(label=_("Name"), help_text="It never changes")',
        'site = ModelChoiceField(sites, empty_label="Any hospital")',
        'preset = forms.ChoiceField(choices=[("default", "Default"), ("demo", _("Small"))])',
        'messages.success(request, "The run is queued.")',
        'messages.error(request, f"{count} rows are wrong")',
        'messages.add_message(request, messages.INFO, "Saved." if whole else _("Half saved."))',
        'yield Notice(text="%s waits" % trial, url=url, label=_("Waits"))',
        'yield Notice(text=_("%s waits") % trial, url=url, label="Waits")',
        'register_entry(Entry(label=_("Imports"), url_name="imports", description="What came in."))',
        'class State(models.TextChoices):\n    OPEN = "open", "Open to raters"',
        'class State(models.TextChoices):\n    OPEN = "open"',
    ],
)
def test_words_that_a_module_puts_on_a_page_untranslated_are_found(source: str) -> None:
    assert on_pages(source)


@pytest.mark.parametrize(
    "source",
    [
        'name = forms.CharField(label=_("Name"), help_text=_("It never changes"), empty_label=None)',
        'source = models.CharField(choices=[("report", "report"), ("table", "table")])',
        'preset = forms.ChoiceField(choices=[("default", _("Default"))])',
        'messages.success(request, _("%(count)s rows") % {"count": count})',
        "messages.error(request, str(error))",
        'messages.append({"role": "user", "content": turn})',
        'yield Notice(text=text % {"trial": trial}, url=url, label=_("Waits"))',
        'class State(models.TextChoices):\n    OPEN = "open", _("Open to raters")',
    ],
)
def test_what_a_module_puts_on_a_page_translated_or_by_its_key_is_let_pass(source: str) -> None:
    assert on_pages(source) == []


def test_what_fields_of_rows_and_of_the_interface_say_is_for_programmers() -> None:
    assert on_pages('name = models.CharField(help_text="as received")', fields=False) == []
    assert on_pages('state = models.CharField(choices=[("open", "Open to all")])', fields=False)


def test_errors_are_known_by_their_descent() -> None:
    sources = [
        "class FullError(UserError): ...",
        "class DiskFullError(FullError): ...",
        "class Other(Exception): ...",
    ]
    assert error_classes(sources) == {"UserError", "ValidationError", "FullError", "DiskFullError"}


def _modules(folder: Path) -> dict[str, str]:
    return {
        path.as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.py"))
        if not {"node_modules", "migrations"}.intersection(path.parts)
    }


def test_no_error_that_a_page_shows_is_hard_coded() -> None:
    modules = {path: source for room in rooms() for path, source in _modules(room.folder).items()}
    errors = error_classes(modules.values())
    found = {path: in_python(source, errors) for path, source in modules.items()}
    faults = {path: lines for path, lines in found.items() if lines}
    assert [path for path in faults if not any(only in path for only in ONLY_COMMANDS)] == []
    idle = [only for only in ONLY_COMMANDS if not any(only in path for path in faults)]
    assert idle == [], "nothing is hard-coded here any more: take these out of ONLY_COMMANDS"


def test_no_word_that_a_module_puts_on_a_page_is_hard_coded() -> None:
    modules = {path: source for room in rooms() for path, source in _modules(room.folder).items()}
    found = {
        path: on_pages(source, fields=not FOR_PROGRAMMERS.search(path)) for path, source in modules.items()
    }
    faults = {
        path: [line for line in lines if line.split(": ", 1)[1] not in NAMES]
        for path, lines in found.items()
        if not path.endswith(AS_IN_THE_PAPER)
    }
    assert {path: lines for path, lines in faults.items() if lines} == {}
