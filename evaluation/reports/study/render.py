"""A study report as one HTML page (figures inside it) and as one PDF."""

import io
from collections.abc import Sequence
from typing import Any

from django.utils.html import escape
from django.utils.translation import get_language

from evaluation.reports.study.parts import Grid, Section

CSS = (
    "body{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem;font-size:13px}"
    "caption{text-align:left;font-weight:600;padding:.3rem 0}th,td{border-bottom:1px solid #ccc;padding:.25rem .5rem;"
    "text-align:left;vertical-align:top}figure{margin:1rem 0}figure svg{max-width:100%;height:auto}"
)


def to_html(title: str, parts: Sequence[Section]) -> bytes:
    """One page without links to anywhere: figures are SVG inside it."""
    body = [f"<h1>{escape(title)}</h1>"]
    for part in parts:
        body.append(f"<section><h2>{escape(part.title)}</h2>")
        body += [f"<p>{escape(text)}</p>" for text in part.paragraphs]
        body += [_html_grid(grid) for grid in part.grids]
        for picture in part.pictures:
            drawing = picture.svg.decode()
            drawing = drawing[drawing.index("<svg") :]
            body.append(f"<figure>{drawing}<figcaption>{escape(picture.caption)}</figcaption></figure>")
        body.append("</section>")
    return (
        f'<!doctype html>\n<html lang="{get_language() or "en"}">\n<head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head>\n<body>\n{chr(10).join(body)}\n</body>\n</html>\n"
    ).encode()


def _html_grid(grid: Grid) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in grid.header)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in grid.rows
    )
    return f"<table><caption>{escape(grid.caption)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def to_pdf(title: str, parts: Sequence[Section]) -> bytes:
    """A4, with reportlab; Chinese by the CID font that every reader of PDF brings. Equal data give equal bytes."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer

    styles = _styles()
    story: list[Any] = [Paragraph(_written(title), styles["Title"])]
    for part in parts:
        story.append(Paragraph(_written(part.title), styles["Heading2"]))
        story += [Paragraph(_written(text), styles["BodyText"]) for text in part.paragraphs]
        for grid in part.grids:
            story += [
                Paragraph(_written(grid.caption), styles["Caption"]),
                _pdf_grid(grid, styles),
                Spacer(1, 4 * mm),
            ]
        for picture in part.pictures:
            story += [
                _pdf_picture(picture.png, 150 * mm),
                Paragraph(_written(picture.caption), styles["Caption"]),
            ]
    stream = io.BytesIO()
    document = SimpleDocTemplate(
        stream,
        pagesize=A4,
        title=title,
        invariant=1,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=16 * mm,
        bottomMargin=16 * mm,
    )
    document.build(story, onFirstPage=_page_number, onLaterPages=_page_number)
    return stream.getvalue()


def _styles() -> dict[str, Any]:
    from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    is_chinese = (get_language() or "").startswith("zh")
    sheet = getSampleStyleSheet()
    made = {name: sheet[name] for name in ("Title", "Heading2", "BodyText")}
    made["Caption"] = ParagraphStyle("Caption", parent=sheet["BodyText"], fontSize=9, spaceBefore=4)
    made["Cell"] = ParagraphStyle("Cell", parent=sheet["BodyText"], fontSize=7.5, leading=9)
    for style in made.values():
        style.wordWrap = "CJK" if is_chinese else None
    return made


def _written(text: str, *, bold: bool = False) -> str:
    """Escaped text; characters beyond Latin-1 stand in the Chinese font."""
    plain = text.replace("−", "-").replace("–", "-").replace("≥", ">=")
    marked = escape(plain)
    if any(ord(letter) > 255 for letter in plain):
        return f'<font name="STSong-Light">{marked}</font>'
    return f"<b>{marked}</b>" if bold else str(marked)


def _pdf_grid(grid: Grid, styles: dict[str, Any]) -> Any:
    from reportlab.lib import colors
    from reportlab.platypus import Paragraph, Table, TableStyle

    rows = [[Paragraph(_written(name, bold=True), styles["Cell"]) for name in grid.header]]
    rows += [[Paragraph(_written(text), styles["Cell"]) for text in row] for row in grid.rows]
    table = Table(rows, repeatRows=1, hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("LINEABOVE", (0, 0), (-1, 0), 0.8, colors.black),
                ("LINEBELOW", (0, 0), (-1, 0), 0.5, colors.black),
                ("LINEBELOW", (0, -1), (-1, -1), 0.8, colors.black),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return table


def _pdf_picture(png: bytes, width: float) -> Any:
    from reportlab.lib.utils import ImageReader
    from reportlab.platypus import Image

    across, down = ImageReader(io.BytesIO(png)).getSize()
    scale = min(width / across, 620 / down)
    return Image(io.BytesIO(png), width=across * scale, height=down * scale)


def _page_number(canvas: Any, document: Any) -> None:
    canvas.setFont("Helvetica", 8)
    canvas.drawRightString(document.pagesize[0] - 40, 24, str(document.page))
