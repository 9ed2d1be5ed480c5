"""All warnings about one answer, in the order of the text."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.text_safety import contradictions, plain_dangers
from annotation.text_safety.densities import densities
from annotation.text_safety.dosage import doses
from annotation.text_safety.facts import StudyFacts
from mammo.archive.cleaning import clean_text
from mammo.archive.report_reading.normalised import normalise

# A salutation, a colleague's name, an American telephone number: what the archive's rules do not know.
_SALUTATION = re.compile(
    r"(?:^|[。！!\n])\s*(?!各位|患者|病友|家属|医生|朋友|亲爱|尊敬|请问)[\u4e00-\u9fff]{2,3}(?:女士|小姐|阿姨"
    r"|大姐)?[，,、]?\s*[您你]好"
    r"|(?:^|[。！!，,\n])\s*(?!各位|患者|病友|家属|医生|朋友|亲爱|尊敬|这位|那位)[\u4e00-\u9fff]{1,3}(?:女士|小姐"
    r"|同志|阿姨|大姐|大妈|大娘|先生|老师)(?=[，,：:、])"
    r"|(?:^|, )(?!(?:Dear|The|Your|Our|Breast|Left|Right|Category|North|South)\b)[A-Z][a-z]+ (?!(?:Clinic|Team"
    r"|Department|Hospital|Centre|Center|Unit)\b)[A-Z][a-z]+[:,!]"
    r"|\b(?:Dear|Hello|Hi) (?!Patient|Madam|Sir|Mr|Mrs|Ms|There|All|Friend)[A-Z][a-z]+"
    r"|\b(?:Nurse|Sister|Professor|Doctor) [A-Z][a-z]+|\b\d{3}[-. ]\d{3}[-. ]\d{4}\b"
)


class WarningKind(models.TextChoices):
    """What an answer should be looked at again for. Stored: never rename one."""

    IDENTITY = "identity", gettext_lazy("Names or numbers of a person stand in the answer.")
    CATEGORY = "category", gettext_lazy("The answer does not fit the BI-RADS category of the report.")
    DENSITY = "density", gettext_lazy("The answer states another breast density than the report.")
    SIDE = "side", gettext_lazy("The answer names the other breast than the report.")
    DIAGNOSIS = "diagnosis", gettext_lazy("The answer states a diagnosis that images alone can't prove.")
    DOSAGE = "dosage", gettext_lazy("The answer names a drug's dose.")
    EMERGENCY = (
        "emergency",
        gettext_lazy("There are signs of an emergency, and the answer does not say to seek help at once."),
    )


@dataclass(frozen=True)
class Warned:
    """One warning: its kind, the words that gave rise to it (empty: a thing that is missing), and what is on record."""

    kind: str
    words: str = ""
    on_record: str = ""

    @property
    def message(self) -> str:
        """What it says to the person who corrects."""
        label = str(WarningKind(self.kind).label)
        if not self.on_record:
            return label
        return _("%(warning)s On record: %(facts)s.") % {"warning": label, "facts": self.on_record}


def warnings_in(answer: str, facts: StudyFacts, *, asked: Sequence[str] = ()) -> list[Warned]:
    """Look through an answer; nothing is changed, and nothing hinders it from being sent in.

    Args:
        asked: what the patient wrote, for signs of an emergency.
    """
    found = [Warned(WarningKind.IDENTITY, words) for words in _identifying(answer, facts)]
    source = normalise(answer)
    for kind, spans in _rules(source.text, facts):
        for start, end in _outermost(spans):
            left, right = source.original_span(start, end)
            on_record = _categories_said(facts) if kind == WarningKind.CATEGORY else ""
            found.append(Warned(kind, answer[left:right].strip(), on_record))
    questions = [normalise(turn).text for turn in asked]
    found += [
        Warned(WarningKind.EMERGENCY, words) for words in plain_dangers.emergencies(source.text, questions)
    ]
    return list(dict.fromkeys(found))


def _categories_said(facts: StudyFacts) -> str:
    """The reported categories, each with its side: an answer may have taken one for the whole."""
    named = {
        _("right breast"): facts.birads_right,
        _("left breast"): facts.birads_left,
        _("overall"): facts.overall,
    }
    return " · ".join(f"{name} BI-RADS {category}" for name, category in named.items() if category)


def kinds_of(warned: Iterable[Warned]) -> list[str]:
    """The kinds, each once, sorted: what is stored beside a correction."""
    return sorted({str(one.kind) for one in warned})


def _outermost(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without those that lie inside another: two rules that see one phrase give one warning."""
    return [
        one
        for one in dict.fromkeys(spans)
        if not any(other != one and other[0] <= one[0] and one[1] <= other[1] for other in spans)
    ]


def _rules(text: str, facts: StudyFacts) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    yield WarningKind.CATEGORY, contradictions.categories(text, facts)
    yield WarningKind.DENSITY, densities(text, facts)
    yield WarningKind.SIDE, contradictions.sides(text, facts)
    yield WarningKind.DIAGNOSIS, plain_dangers.diagnoses(text, facts)
    yield WarningKind.DOSAGE, doses(text)


def _identifying(answer: str, facts: StudyFacts) -> list[str]:
    """What the archive's cleaning would take out, and a name in a salutation, by kind (never the words)."""
    found = set(clean_text(answer, facts.roster or {}).found)
    if _SALUTATION.search(answer):
        found.add("name")
    return sorted(found)
