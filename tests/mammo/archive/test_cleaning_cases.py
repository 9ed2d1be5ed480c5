"""Names, dates and numbers go by the place they stand in; the words of the field stay; hostile texts take no time.

`cleaning_cases.jsonl` holds one text a line: `gone` must not be left (empty: the text stays whole). Its halves: what
the patterns were written on, and three that were first looked at when the patterns stood (docs/benchmarks.md has what
they found then).
"""

import json
import re
import re._constants as constants  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mammo.archive.cleaning import clean_text
from mammo.archive.identifying_dates import BIRTH, BIRTH_YEAR, DATE, ENGLISH_DATE
from mammo.archive.identifying_patterns import PATTERNS
from mammo.archive.ordinary_words import begins_like_a_word, is_ordinary_word
from mammo.archive.roster import Roster, roster_patterns
from tests.mammo.archive.report_reading.corpus import FOLDER

_LINES = Path(__file__).with_name("cleaning_cases.jsonl").read_text(encoding="utf-8").splitlines()
CASES: list[dict[str, Any]] = [json.loads(line) for line in _LINES]
PLANTED = [(case["text"], case["gone"]) for case in CASES if case["gone"]]
CLEAN = [case["text"] for case in CASES if not case["gone"]]


@pytest.mark.parametrize(("text", "gone"), PLANTED, ids=lambda value: str(value)[:24])
def test_a_name_a_date_or_a_number_goes_by_its_place(text: str, gone: list[str]) -> None:
    cleaned = clean_text(text, {}).text
    assert [secret for secret in gone if secret in cleaned] == [], cleaned


@pytest.mark.parametrize("text", CLEAN, ids=lambda text: text[:24])
def test_words_in_the_places_of_names_stay(text: str) -> None:
    assert clean_text(text, {}).text == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("检查医师：王芳", "检查医师：[姓名]"),
        ("申请医师：马晓明", "申请医师：[姓名]"),
        ("报告人：李强 审核人：王敏", "报告人：[姓名] 审核人：[姓名]"),
        ("王丽，女，45岁，左乳触及肿块", "[姓名]，女，45岁，左乳触及肿块"),
        ("姓名：王敏日期：今日", "姓名：[姓名]日期：今日"),
        ("患者：王丽左乳肿块", "患者：[姓名]左乳肿块"),
        ("姓名：古丽娜尔·买买提，女", "姓名：[姓名]，女"),
        ("Reported by: John Smith Left breast mass", "Reported by: [name] Left breast mass"),
        ("Attending: John Smith, MD", "Attending: [name], MD"),
        ("MARY SMITH, 52 year old female", "[name], 52 year old female"),
        ("Dr Lee Right breast", "[name] Right breast"),
        ("X光号A123456，左乳12mm", "X光号[编号]，左乳12mm"),
    ],
)
def test_only_the_name_goes_and_the_words_around_it_stay(text: str, cleaned: str) -> None:
    assert clean_text(text, {}).text == cleaned


@pytest.mark.parametrize("name", ["He Wei", "An Li", "Mark Post", "May Wong", "Faith High", "Mary White"])
@pytest.mark.parametrize("place", ["Reported by: {}", "Signed by {} MD", "Attending: {}", "Patient name: {}"])
def test_an_english_name_of_ordinary_words_goes_too(place: str, name: str) -> None:
    cleaned = clean_text(place.format(name), {}).text.removeprefix(place.split("{}")[0])
    assert not set(name.split()) & set(cleaned.split()), cleaned


@pytest.mark.parametrize("end", ["因左乳肿块就诊", "说左乳疼", "于今日复查", "建议复查", "，", ""])
@pytest.mark.parametrize("keyword", ["患者", "报告医师", "审核者 ", "签名", "我女儿", "本人"])
def test_a_name_that_the_sentence_runs_on_from_goes_too(keyword: str, end: str) -> None:
    for name in ("江海", "曹玉瑶", "万国文", "林海宇"):
        assert clean_text(f"{keyword}{name}{end}", {}).text == f"{keyword}[姓名]{end}"


def test_a_roster_in_pinyin_leaves_no_name_in_chinese_characters() -> None:
    text = "王丽，女，45岁，左乳见肿块。审核：王敏"
    assert clean_text(text, {"names": ["WANG^LI"]}).text == "[姓名]，女，45岁，左乳见肿块。审核：[姓名]"


@pytest.mark.parametrize(
    "written",
    [
        "3-Mar-2019", "3rd of March 2019", "03Mar2019", "3/Mar/2019", "Mar-3-2019", "March the 3rd, 2019",
        "2019-Mar-03", "the third of March, 2019", "MAR 3, 2019",
    ],
)  # fmt: skip
def test_an_english_date_in_any_writing_becomes_a_distance(written: str) -> None:
    cleaned = clean_text(f"Seen {written}.", {}, studied=date(2019, 3, 11)).text
    assert cleaned in ("Seen [date -8 d].", "Seen the [date -8 d].")


def test_a_date_without_century_gets_no_made_up_distance() -> None:
    for written in ("3-Mar-19", "Dec. 25th '18"):
        assert clean_text(f"Seen {written}.", {}, studied=date(2019, 3, 11)).text == "Seen [date]."


def test_in_invented_reports_only_the_names_written_into_them_are_found() -> None:
    """All reports of the reader's corpora: no clinical word is taken for a name."""
    removed: set[str] = set()
    for path in sorted(FOLDER.glob("corpus_*.txt")):
        for line in re.sub("[«»‹›⟦⟧]", "", path.read_text(encoding="utf-8")).splitlines():
            if "name" in clean_text(line, {}).found:
                removed.add(line)
    assert all(re.search("王某|李某|Dr", line) for line in removed), removed
    assert removed


def test_an_ordinary_word_is_told_from_a_name() -> None:
    assert all(map(is_ordinary_word, ("申请", "单发", "高密度", "石灰", "甲状腺")))
    assert not any(map(is_ordinary_word, ("王丽", "李强", "马晓明", "陈志强")))
    assert begins_like_a_word("高密度影")
    assert not is_ordinary_word("高密度影")
    # 文静 is a word and a name; behind it stand a sex and an age.
    assert is_ordinary_word("文静")
    assert not is_ordinary_word("文静", names_allowed=True)


HOSTILE = [
    "王", "王丽", "王 丽 ", "古丽·", "A", "Ab ", "John ", "JOHN SMITH, ", "a.", "1", "1-", "1 ", "12/", "号", "审核：",
    "a (at) ", "a at b dot ", "a@b . ", "a . ", "138, ", "1, ", "一，", "护士长王", "last four digits of ",
    "accession ending ", "wang ", "wa ng", "90 y", "tel 123, ", "a艾特", "九十", "Sister Ab ",
    "医师：王", "姓名：", "我是王丽", "王丽，女，4", "路1号", "省市区路", "Mar ", "3-Mar-", "the 3rd of ", "one two ",
    "signed by John ", "attending radiologist ", "Patient Name ", "Dr A. ", "x@", "a.b-", "http://", "检查号A1",
    "accession no ", "王/", "住在", "一", "一二年", "阿依", "时医生", "欧阳", "姐姐王", "(王)", "\n", "王丽\n",
    "姐姐陈桂兰", "报告医生：wang", "六三年五月", "63年", "①③", "加我V", "薇芯a", "微：a1",
    "东方医院", "A'", "1.1.1.", "+1 ", "M-1", "签 名 ", "·", "A^", "tel ", "我是王的", "患者王丽（",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_eight_thousand_hostile_characters_do_not_hold_the_cleaning_up(unit: str) -> None:
    is_ordinary_word("")  # the dictionary is read once a process
    started = time.process_time()
    clean_text((unit * 8000)[:8000], {"names": ["Wang^Li=王^丽"]})
    # .3 to 1 s of a processor by the machine; an expression that goes back and forth takes minutes.
    assert time.process_time() - started < 5


def _repetitions(parsed: Any) -> Iterator[int]:
    """The upper bounds of all repetitions in a parsed pattern."""
    for operation, argument in parsed:
        if operation in (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT):
            yield int(argument[1])
            yield from _repetitions(argument[2])
        elif operation is constants.SUBPATTERN:
            yield from _repetitions(argument[3])
        elif operation is constants.BRANCH:
            for branch in argument[1]:
                yield from _repetitions(branch)
        elif operation in (constants.ASSERT, constants.ASSERT_NOT):
            yield from _repetitions(argument[1])


def test_every_repetition_is_bounded() -> None:
    roster: Roster = {
        "names": ["Wang^Li=王^丽", "O'Neill^Ann Mary"], "numbers": ["H1234567"], "places": ["North Hospital"],
    }  # fmt: skip
    patterns = [pattern for _, pattern in (*PATTERNS, *roster_patterns(roster))]
    for pattern in (*patterns, DATE, ENGLISH_DATE, BIRTH, BIRTH_YEAR):
        assert all(bound <= 999 for bound in _repetitions(parser.parse(pattern.pattern))), pattern.pattern
