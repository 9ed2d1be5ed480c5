"""The catalogue tool, without GNU gettext."""

import gettext
from pathlib import Path

import pytest

from mammo.core.translations import (
    CatalogueError,
    Room,
    compile_room,
    extract_messages,
    missing_messages,
    rooms,
    update,
)

TEMPLATE = """{% load i18n %}
<div title="{% translate 'A title' %}">
      {% blocktranslate with name=user %}Hello, {{ name }}{% endblocktranslate %}
   {% blocktranslate count n=n %}{{ n }} image{% plural %}{{ n }} images{% endblocktranslate %}
  {% translate "May" context "month" %}
</div>
"""
CODE = """from django.utils.translation import gettext_lazy as _, ngettext
label = _("Density")
def say(n):
    return ngettext("%(n)s breast", "%(n)s breasts", n) % {"n": n}
"""


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """An app with one template and one module."""
    folder = tmp_path / "reading"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates" / "page.html").write_text(TEMPLATE)
    (folder / "models.py").write_text(CODE)
    return Room(folder)


def translate(room: Room, **texts: str) -> None:
    """Fill in translations by the message's first words."""
    content = room.po.read_text()
    for start, text in texts.items():
        head, tail = content.split(f'msgid "{start}', 1)
        content = f'{head}msgid "{start}' + tail.replace('msgstr ""', f'msgstr "{text}"', 1)
    room.po.write_text(content)


def test_messages_come_from_code_and_from_indented_templates(room: Room) -> None:
    found = {(message.id, message.context) for message in extract_messages(room) if message.id}
    assert found == {
        ("Density", None),
        (("%(n)s breast", "%(n)s breasts"), None),
        ("A title", None),
        ("Hello, %(name)s", None),
        (("%(n)s image", "%(n)s images"), None),
        ("May", "month"),
    }


def test_an_update_keeps_translations_and_drops_what_is_gone(room: Room) -> None:
    assert update(room)
    translate(room, Density="密度")
    (room.folder / "templates" / "page.html").write_text("{% load i18n %}{% translate 'New' %}")
    update(room)
    content = room.po.read_text()
    assert "密度" in content
    assert "New" in content
    assert "A title" not in content


def test_a_second_update_changes_nothing(room: Room) -> None:
    assert update(room)
    assert not update(room)


def test_a_compiled_catalogue_translates(room: Room) -> None:
    update(room)
    translate(room, Density="密度")
    assert compile_room(room)
    assert not compile_room(room)
    with room.po.with_suffix(".mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)
    assert catalogue.gettext("Density") == "密度"
    assert catalogue.gettext("A title") == "A title"


def test_a_translation_with_another_placeholder_is_refused_and_nothing_is_written(room: Room) -> None:
    update(room)
    translate(room, **{"Hello, ": "你好，%(nam)s"})
    with pytest.raises(CatalogueError, match="Hello"):
        compile_room(room)
    assert not room.po.with_suffix(".mo").exists()


def test_a_broken_catalogue_is_named(room: Room) -> None:
    update(room)
    room.po.write_text("msgid this is no catalogue\n")
    with pytest.raises(CatalogueError, match=r"django\.po"):
        compile_room(room)


def test_what_is_not_translated_is_listed(room: Room) -> None:
    update(room)
    translate(room, Density="密度")
    lacking = missing_messages(room)
    assert "A title" in lacking
    assert "Density" not in lacking


ROOMS = {known.folder.name: known for known in rooms()}


def test_all_rooms_with_texts_for_people_have_a_catalogue() -> None:
    assert set(ROOMS) == {"mammo", "annotation", "modeling", "evaluation"}


@pytest.mark.parametrize("folder", ROOMS)
def test_every_message_has_its_chinese(folder: str) -> None:
    assert len(extract_messages(ROOMS[folder])) > 50, "texts of the room were found"
    assert missing_messages(ROOMS[folder]) == []
