"""Which pages stand in docs/screenshots and which do not, and why: written beside the pictures by `screenshots`.

`python -m mammo.demo.picture_list > docs/screenshots/README.md` writes it without taking a picture.
"""

import sys

from mammo.demo.pages import DEMO_PAGES, NOT_SHOWN


def listing() -> str:
    """The page beside the pictures, as Markdown."""
    lines = [
        "# Pictures of the pages",
        "Made by `make screenshots` from the finished demo, 1280 pixels wide, in English (`-en`) and Chinese (`-zh`); "
        "this list is written with them.",
        "",
        f"## Shown: {len(DEMO_PAGES)} pages",
        "| page | address | who looks | pictures |",
        "|---|---|---|---|",
        *(
            f"| {page.name} | {f'`{page.url_name}`' if page.url_name else 'no address'} | "
            f"{page.account or 'signed out'} | [en]({page.name}-en.png) [zh]({page.name}-zh.png) |"
            for page in DEMO_PAGES
        ),
        "",
        f"## Not shown: {len(NOT_SHOWN)} addresses",
        "| address | why |",
        "|---|---|",
        *(f"| `{name}` | {reason} |" for name, reason in sorted(NOT_SHOWN.items())),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(listing())
