"""JSON from outside: what can be read but not kept, or not gone through, is refused as what is no JSON."""

import json
from typing import Any

from mammo.core.words import gettext as _

# Deeper than anything that is asked for; some thousand levels end every function that goes through them.
DEEPEST = 100


def parsed(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: not JSON; as `require_usable`.
    """
    try:
        value = json.loads(text if isinstance(text, str) else text.decode())
    except RecursionError:
        raise _too_deep() from None
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    require_usable(value, raw)
    return value


def require_usable(value: Any, raw: bytes, *, is_utf8: bool = True) -> None:
    """Let a parsed value pass; costs nothing where `raw`, the text it was read from, gives no cause to look.

    Raises:
        ValueError: nested deeper than `DEEPEST`, or a text in it holds a lone surrogate, which no file and no database
            can keep.
    """
    if (not is_utf8 or raw.count(b"[") + raw.count(b"{") > DEEPEST) and _is_deep(value):
        raise _too_deep()
    if is_utf8 and b"\\ud" not in raw and b"\\uD" not in raw:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError(_("a text holds half of a character (a lone surrogate)")) from None


def _too_deep() -> ValueError:
    return ValueError(_("nested too deeply"))


def _is_deep(value: Any) -> bool:
    level = [value]
    for _depth in range(DEEPEST + 1):
        level = [inner for one in level if isinstance(one, dict | list) for inner in _inside(one)]
        if not level:
            return False
    return True


def _inside(one: Any) -> list[Any]:
    return [
        inner for inner in (one.values() if isinstance(one, dict) else one) if isinstance(inner, dict | list)
    ]
