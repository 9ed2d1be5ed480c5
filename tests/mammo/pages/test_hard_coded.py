"""No template and no script shows words that no translation reaches."""

import pytest

from mammo.core.hard_coded import hard_coded, in_script, in_template
from mammo.core.translations import rooms


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
