"""LaTeX with booktabs rules."""

from evaluation.reports.table import Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "“": "``",
    "”": "''",
    "\n": " ",
}


def escaped(text: str) -> str:
    """Text with LaTeX's special characters written out."""
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def write_latex(table: Table) -> bytes:
    r"""A `table` environment; needs `\usepackage{booktabs}` (and xeCJK for Chinese names)."""
    head = " & ".join(escaped(name) for name in [table.stub, *(c.heading for c in table.columns)])
    body = []
    for row in table.rows:
        # Braces keep a leading bracket from being read as the optional argument of the line break before it.
        cells = [escaped(row.label), *(escaped(table.cell(row, c).shown) for c in table.columns)]
        body.append(" & ".join(f"{{{cell}}}" for cell in cells) + r" \\")
    if not body:
        body = [rf"\multicolumn{{{len(table.columns) + 1}}}{{l}}{{--}} \\"]
    caption = table.caption.partition(". ")[2] or table.caption
    lines = [
        r"% Needs \usepackage{booktabs}.",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escaped(caption)}}}",
        rf"  \label{{tab:table-{table.number}}}",
        rf"  \begin{{tabular}}{{l{'c' * len(table.columns)}}}",
        r"    \toprule",
        rf"    {head} \\",
        r"    \midrule",
        *(f"    {line}" for line in body),
        r"    \bottomrule",
        r"  \end{tabular}",
        *(rf"  \par\footnotesize {escaped(note)}" for note in table.footnotes),
        r"\end{table}",
    ]
    return ("\n".join(lines) + "\n").encode()
