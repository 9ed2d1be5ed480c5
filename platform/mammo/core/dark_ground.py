"""The ground of a page from the first byte of its head: black before any style sheet has come.

A browser paints white, or its own grey, while the style sheets are on their way; in a dark room that is a flash
between two mammograms. One rule stands in the head itself; the Content-Security-Policy allows it by its hash and
nothing else of its kind. Settings read this module, so it imports no Django.
"""

import base64
import hashlib

# On paper the ground stays white.
RULE = "@media screen{html{background:#000;color-scheme:dark}}"
SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(RULE.encode()).digest()).decode()}'"
