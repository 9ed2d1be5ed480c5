"""Invented people and numbers: names, hospital numbers, birth dates, accessions, unique identifiers.

No name or number belongs to a person. They exist so that de-identification has something to remove.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import date, timedelta

_FAMILY = (
    ("Wang", "王"), ("Li", "李"), ("Zhang", "张"), ("Liu", "刘"), ("Chen", "陈"), ("Yang", "杨"),
    ("Zhao", "赵"), ("Huang", "黄"), ("Zhou", "周"), ("Wu", "吴"), ("Xu", "徐"), ("Sun", "孙"),
)  # fmt: skip
_GIVEN = (
    ("Xiu Ying", "秀英"), ("Gui Lan", "桂兰"), ("Li Hua", "丽华"), ("Shu Zhen", "淑珍"),
    ("Yu Mei", "玉梅"), ("Hai Yan", "海燕"), ("Xue Qin", "雪琴"), ("Hong Xia", "红霞"),
    ("Jing Yi", "静怡"), ("Chun Fang", "春芳"),
)  # fmt: skip
_ENGLISH_FAMILY = ("Ashdown", "Brookfield", "Carrow", "Denholm", "Ellery", "Fenwick", "Garrick", "Holloway")
_ENGLISH_GIVEN = ("Alice", "Beatrice", "Clara", "Dorothy", "Eleanor", "Frances", "Grace", "Harriet")
_DOCTORS = {
    "zh": ("王敏", "李建国", "张晓东", "陈立", "周文斌", "吴雅琴"),
    "en": ("Dr. M. Wang", "Dr. J. Li", "Dr. X. Zhang", "Dr. L. Chen", "Dr. R. Holt"),
}
FIRST_DAY = date(2019, 1, 2)
LAST_DAY = date(2021, 12, 30)


@dataclass(frozen=True)
class DemoPatient:
    """One invented patient."""

    number: str  # hospital number
    name: str  # DICOM person name, with an ideographic group where it is Chinese
    birth: date
    language: str  # zh | en: what she asks and what her reports are written in
    phone: str


def draw_patients(rng: random.Random, count: int) -> list[DemoPatient]:
    """`count` patients with distinct hospital numbers."""
    numbers = rng.sample(range(1_000_000, 10_000_000), count)
    return [_draw_patient(rng, number) for number in numbers]


def _draw_patient(rng: random.Random, number: int) -> DemoPatient:
    language = "en" if rng.random() < 0.25 else "zh"
    if language == "zh":
        family, given = rng.choice(_FAMILY), rng.choice(_GIVEN)
        name = f"{family[0]}^{given[0]}={family[1]}^{given[1]}"
    else:
        name = f"{rng.choice(_ENGLISH_FAMILY)}^{rng.choice(_ENGLISH_GIVEN)}"
    birth = date(1946, 1, 1) + timedelta(days=rng.randrange(365 * 38))
    return DemoPatient(
        number=f"H{number}",
        name=name,
        birth=birth,
        language=language,
        phone=f"1390000{rng.randrange(10_000):04d}",
    )


def draw_doctors(rng: random.Random, language: str) -> tuple[str, str]:
    """Names of the reporting and of the reviewing doctor, two different people."""
    first, second = rng.sample(_DOCTORS[language], 2)
    return first, second


def draw_uid(rng: random.Random) -> str:
    """A unique identifier under the UUID root 2.25 (PS3.5 annex B.2)."""
    return f"2.25.{uuid.UUID(int=rng.getrandbits(128), version=4).int}"


def draw_day(rng: random.Random) -> date:
    """A day on which the demo's hospital worked."""
    return FIRST_DAY + timedelta(days=rng.randrange((LAST_DAY - FIRST_DAY).days))


def age_on(day: date, birth: date) -> int:
    """Whole years between birth and day."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
