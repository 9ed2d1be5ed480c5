"""Instructions and guidelines: Markdown to HTML that can do nothing, and the headings one can cite."""

import re
import unicodedata
from dataclasses import dataclass

import markdown
import nh3

TAGS = {
    *("h1", "h2", "h3", "h4", "p", "br", "hr", "ul", "ol", "li", "strong", "em", "code", "pre", "blockquote"),
    *("table", "thead", "tbody", "tr", "th", "td", "a", "del", "sup", "sub"),
}
ATTRIBUTES = {"a": {"href", "title"}, **{f"h{level}": {"id"} for level in range(1, 5)}, "td": {"align"}}
# Ids of our own page must not be met by a heading's.
PREFIX = "g-"
_HEADING = re.compile(r"^(#{1,4})\s+(.+?)\s*#*\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """One heading of a guideline: what an error tag cites."""

    code: str
    title: str
    level: int


def slug(title: str, separator: str = "-") -> str:
    """A heading's code: letters (Chinese ones too), digits and dashes."""
    text = unicodedata.normalize("NFKC", title).strip().lower()
    return PREFIX + re.sub(r"[^\w]+", separator, text, flags=re.UNICODE).strip(separator)[:80]


def html_of(text: str) -> str:
    """Safe HTML: no scripts, styles, pictures or frames; links to http, https and this site only."""
    made = markdown.markdown(
        text,
        extensions=["tables", "sane_lists", "toc"],
        extension_configs={"toc": {"slugify": slug, "marker": ""}},
        output_format="html",
    )
    return nh3.clean(
        made,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer",
    )


def sections_of(text: str) -> list[Section]:
    """The headings of a text in their order, each code once."""
    found: dict[str, Section] = {}
    for marks, title in _HEADING.findall(text):
        plain = re.sub(r"[*_`]", "", title)
        found.setdefault(slug(plain), Section(slug(plain), plain, len(marks)))
    return list(found.values())
