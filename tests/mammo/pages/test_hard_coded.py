"""No template and no script shows words that no translation reaches."""

from pathlib import Path

import pytest

from mammo.core.hard_coded import error_classes, hard_coded, in_python, in_script, in_template
from mammo.core.translations import rooms

ERRORS = ("UserError", "WrongStateError")
# Modules whose errors are read at a command line or in a worker's log, never on a page.
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
