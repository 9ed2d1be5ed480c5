"""The type of finding of a study: what its report names, clause by clause, and does not deny.

The archive keeps no coded finding, so the words of the report stand in for it: Chinese and English terms of the BI-RADS
lexicon, read in clauses (a clause ends at punctuation, and at "but" or 但), where a denial in the same clause takes the
whole clause out. What is called typically benign is a finding as well; what dense tissue may hide is none.
"""

import re
from collections.abc import Iterable
from uuid import UUID

from django.utils.translation import gettext as _

from mammo.archive.models import Report

# The order is that of how much a finding weighs: a study with several stands under its first.
TERMS = (
    ("distortion", r"结构扭曲|结构紊乱|architectural\s+distortion|distort(?:ion|ed)"),
    ("mass", r"肿块|占位|结节|肿物|\bmass(?:es)?\b|\bnodul(?:e|es|ar)\b|\blesions?\b|\bcysts?\b|囊肿"),
    ("calcification", r"钙化|calcif(?:ication|ications|ied)|microcalcif\w*|\bcalcs?\b"),
    ("asymmetry", r"不对称|asymmetr(?:y|ies|ic|ical)"),
)
DENIAL = re.compile(
    r"未见|无明|未发现|未显示|没有|无(?:明确|明显|可疑|异常|肿块|钙化|结构)|排除|掩盖|遮盖"
    r"|\b(?:no|not|without|negative\s+for|absence\s+of|free\s+of|neither|nor|denies|obscur(?:e|es|ing))\b",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"[。；;！!？?\n]|(?<!\d)\.(?!\d)")
CLAUSE = re.compile(r"，|(?<!\d),(?!\d)|但|\bbut\b|\bhowever\b", re.IGNORECASE)
PLACED = re.compile(r"\d|左|右|\b(?:left|right|but|a|an)\b", re.IGNORECASE)
PATTERNS = tuple((name, re.compile(term, re.IGNORECASE)) for name, term in TERMS)


def finding_of(text: str) -> str:
    """The weightiest finding a report names: distortion, mass, calcification, asymmetry; else none."""
    named: set[str] = set()
    for sentence in SENTENCE.split(text):
        is_denied = False
        for clause in CLAUSE.split(sentence):
            # "no mass, calcification or distortion": what a denial begins goes on over commas until a new statement.
            is_denied = DENIAL.search(clause) is not None or (is_denied and _is_bare(clause))
            if not is_denied:
                named |= {name for name, pattern in PATTERNS if pattern.search(clause)}
    return next((name for name, _pattern in PATTERNS if name in named), "none")


def _is_bare(clause: str) -> bool:
    """A clause that only carries on a list: a term with few words around it, and no side, size or place."""
    rest = clause
    for _name, pattern in PATTERNS:
        rest = pattern.sub("", rest)
    return len(rest.split()) <= 3 and len(rest.strip()) <= 24 and not PLACED.search(rest)


def of_studies_by_report(studies: Iterable[UUID]) -> dict[UUID, str]:
    """Finding of each study by its newest report; `not recorded` where it has none."""
    wanted = set(studies)
    found = dict.fromkeys(wanted, _("not recorded"))
    standing = Report.objects.filter(study__in=wanted, replaced_by__isnull=True).select_related(
        "study__patient"
    )
    for report in standing.order_by("created_at"):
        found[report.study_id] = named(finding_of(str(report.blanked)))
    return found


def named(finding: str) -> str:
    """The finding in the reader's language."""
    names = {
        "distortion": _("architectural distortion"),
        "mass": _("mass"),
        "calcification": _("calcification"),
        "asymmetry": _("asymmetry"),
        "none": _("no finding named"),
    }
    return names[finding]
