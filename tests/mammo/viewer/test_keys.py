"""Every action of the viewer has a key, and every key stands on the card that `?` opens."""

import re
from pathlib import Path

from django.conf import settings
from django.template.loader import render_to_string

SOURCE = Path(settings.PACKAGE_DIR) / "viewer" / "src"
# As the card writes them.
ON_THE_CARD = {"ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓"}
# "=" is the plus key without Shift; the space bar is named in words.
UNWRITTEN = {"=", " "}


def test_every_command_has_a_key_and_every_key_is_on_the_card() -> None:
    source = (SOURCE / "toolbar.js").read_text(encoding="utf-8")
    listed = source[source.index("COMMANDS = [") : source.index("];")]
    commands = listed.count("name:")
    of_buttons = re.findall(r'key: "(.+?)"', listed)
    assert commands == len(of_buttons) == len(set(of_buttons)) > 10
    unseen = source[source.index("UNSEEN = {") : source.index("};")]
    others = re.findall(r'^  "?(.+?)"?: "\w+",$', unseen, re.MULTILINE)
    assert len(others) > 10
    assert not set(others) & set(of_buttons)
    card = re.findall(r"<kbd>(.+?)</kbd>", render_to_string("viewer/_keys.html"))
    wanted = {ON_THE_CARD.get(key, key) for key in [*of_buttons, *others]} - UNWRITTEN
    assert wanted == set(card)
