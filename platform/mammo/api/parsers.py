"""Bodies of requests: JSON, refused where it can't be gone through or kept."""

import codecs
import io
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework import exceptions, parsers

from mammo.core.outside_json import require_usable


class JSONParser(parsers.JSONParser):
    """As the framework's, which answers some thousand "[" and a lone surrogate with a fault of ours."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body's value.

        Raises:
            ParseError: not JSON; nested too deeply; a text in it holds a lone surrogate.
        """
        raw = stream.read()
        charset = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        try:
            value = super().parse(io.BytesIO(raw), media_type, dict(parser_context or {}))
            require_usable(value, raw, is_utf8=codecs.lookup(charset).name == "utf-8")
        except RecursionError:
            raise exceptions.ParseError(
                _("not JSON (%(error)s)") % {"error": _("nested too deeply")}
            ) from None
        except ValueError as error:
            raise exceptions.ParseError(_("not JSON (%(error)s)") % {"error": error}) from None
        return value
