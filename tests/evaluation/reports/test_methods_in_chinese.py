"""Methods paragraphs and notes of a stranger's file on a Chinese page: no English word but names and abbreviations."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils import translation

from evaluation.reports.own_analysis import OwnAnalysis, analyse_own

NAMES = {
    *("AUC", "ROC", "ICC", "REML", "DeLong", "Hillis", "Obuchowski", "Rockette", "Holm", "Satterthwaite"),
    *("Krippendorff", "McGraw", "Wong", "Kendall", "Cohen", "Fleiss", "Conger", "Light", "Stuart", "Maxwell"),
    *("Wilson", "Clopper", "Pearson", "Tango", "McNemar", "Friedman", "Nemenyi", "Wilcoxon", "Hodges"),
    *("Lehmann", "Bradley", "Terry", "Hand", "Till", "Cov", "Brown", "Forsythe", "Iman", "Davenport"),
    *("mammovlm", "platform"),
}
RNG = np.random.default_rng(11)
CASES = [
    "truth,ai,reader,woman",
    *(f"{i % 2},{i % 2 * 2 + i % 3},{i % 5 + i % 2},{i // 4}" for i in range(40)),
]
ROC = {"truth": "truth", "score": "ai"}


def readings(
    *, readers: str = "ab", skip: int = 0, women: bool = False, flat: bool = False, nested: bool = False
) -> list[str]:
    """Readers a, b, … in modalities x and y (`nested`: three, each reader in one), 20 cases."""
    made = ["reader,modality,case,truth,rating" + ",patient" * women]
    for place, reader in enumerate(readers):
        for modality in "xyz"[place % 3] if nested else "xy":
            for case in range(20):
                if skip and case < skip and reader == "a" and modality == "x":
                    continue
                rating = case % 2 if flat else int(RNG.integers(1, 60)) + 20 * (case % 2)
                made.append(f"{reader},{modality},{case},{case % 2},{rating}" + f",{case // 2}" * women)
    return made


def scores(
    *,
    raters: str = "abcd",
    questions: int = 6,
    authors: bool = False,
    gap: int = 0,
    patients: int = 0,
    value: int | None = None,
) -> list[str]:
    """Systems M and D of one aspect; two people write D, whose author 1 `gap` raters do not score."""
    made = ["rater,question,system,aspect,score" + ",author" * authors + ",patient" * bool(patients)]
    for place, rater in enumerate(raters):
        for q in range(questions):
            for system in "MD":
                is_left_out = place < gap and q % 2 == 1 and system == "D"
                drawn = int(RNG.integers(50, 90)) if value is None else value
                row = [rater, str(q), system, "A", "" if is_left_out else str(drawn)]
                row += [str(q % 2) if system == "D" else ""] if authors else []
                made.append(",".join(row + ([str(q // patients)] if patients else [])))
    return made


def units(values: Any, *, raters: int = 3, long: bool = False) -> list[str]:
    if long:
        return ["rater,unit,value", *(f"{r},{u},{values(u, r)}" for u in range(12) for r in range(raters))]
    heads = ",".join("ABCD"[:raters])
    return [
        f"unit,{heads}",
        *(f"{u}," + ",".join(str(values(u, r)) for r in range(raters)) for u in range(12)),
    ]


QUICK = {"replicates": 100}
FILES: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "roc": ("roc", CASES, ROC),
    "roc, two scores": ("roc", CASES, ROC | {"compare": "reader"}),
    "roc, the same score twice": ("roc", CASES, ROC | {"compare": "ai"}),
    "roc, clusters": ("roc", CASES, ROC | {"compare": "reader", "cluster": "woman"}),
    "roc, all options": (
        "roc",
        CASES,
        ROC | QUICK | {"compare": "reader", "bootstrap": True, "at_sensitivity": 0.9, "partial": 0.8},
    ),
    "roc, perfect": ("roc", ["truth,ai", *(f"{i % 2},{i % 2}" for i in range(20))], ROC),
    "roc, a sensitivity without width": (
        "roc",
        ["truth,ai", *(f"{i % 2},{i % 2 + i / 100}" for i in range(20))],
        ROC | QUICK | {"at_sensitivity": 0.5},
    ),
    "roc, classes": (
        "roc",
        ["truth,ai", *(f"{'ABC'[i % 3]},{i % 7}" for i in range(30))],
        ROC | {"multiclass": True},
    ),
    "mrmc": ("mrmc", readings(readers="abcde"), {}),
    "mrmc, few readers and a margin": ("mrmc", readings(), {"margin": 0.05}),
    "mrmc, one reader": ("mrmc", readings(readers="a"), {}),
    "mrmc, gaps": ("mrmc", readings(readers="abc", skip=3), {}),
    "mrmc, patients": ("mrmc", readings(readers="abc", women=True), {}),
    "mrmc, patients and gaps": ("mrmc", readings(readers="abc", women=True, skip=2), {}),
    "mrmc, separated": ("mrmc", readings(readers="abc", flat=True), {}),
    "mrmc, calls": ("mrmc", readings(readers="abc"), {"endpoint": "sensitivity", "threshold": 40}),
    "mrmc, at a specificity": (
        "mrmc",
        readings(readers="abc"),
        {"endpoint": "sensitivity", "at_specificity": 0.8},
    ),
    "mrmc, fixed readers, unbiased": ("mrmc", readings(), {"readers": "fixed", "covariance": "unbiased"}),
    "mrmc, fixed cases": ("mrmc", readings(), {"cases": "fixed", "covariance": "jackknife"}),
    "mrmc, nested": ("mrmc", readings(readers="abcdef", nested=True), {}),
    "mrmc, a system alone": (
        "mrmc",
        readings(readers="abc") + [f"S,S,{c},{c % 2},{c}" for c in range(20)],
        {"standalone": "S"},
    ),
    "scores": ("scores", scores(), QUICK | {"mixed": True, "margin": 1}),
    "scores, one rater": ("scores", scores(raters="a"), QUICK),
    "scores, one question": ("scores", scores(questions=1), QUICK),
    "scores, patients": ("scores", scores(patients=2), QUICK),
    "scores, unequal patients": ("scores", scores(patients=4), QUICK),
    "scores, gaps": ("scores", scores(gap=2, authors=True), QUICK),
    "scores, authors": ("scores", scores(authors=True), QUICK),
    "scores, fixed authors": ("scores", scores(authors=True, gap=3), QUICK),
    "scores, all equal": ("scores", scores(value=80), QUICK),
    "agreement": ("agreement", units(lambda u, r: (u + r * (u % 2)) % 5), {}),
    "agreement, two raters": ("agreement", units(lambda u, r: (u + r) % 4, raters=2), {}),
    "agreement, names": (
        "agreement",
        units(lambda u, r: "4A" if (u + r) % 3 else "5", raters=2),
        {"nominal": True},
    ),
    "agreement, gaps": ("agreement", units(lambda u, r: "" if u == r else u % 4), {}),
    "agreement, one whole unit": (
        "agreement",
        units(lambda u, r: "" if u and r == u % 3 else (u * 2 + r) % 5),
        {},
    ),
    "agreement, rows of raters": (
        "agreement",
        ["rater,1st,2nd,3rd", *(f"{r},{r % 3},{(r + 1) % 4},{r % 2}" for r in range(4))],
        {},
    ),
    "agreement, a series": ("agreement", ["r1,r2", *(f"{u % 3},{u % 4}" for u in range(12))], {}),
    "proportions": ("proportions", ["name,events,total", "A,3,10", "B,6,12"], {}),
    "proportions, no cases": ("proportions", ["tp,fp,fn,tn", "0,5,0,7"], {}),
    "proportions, a named row": ("proportions", ["name,tp,fp,fn,tn", "A,0,5,0,7"], {}),
    "paired": ("paired", ["name,both,first_only,second_only,neither", "A,30,0,0,5"], {}),
    "paired, calls": (
        "paired",
        ["p,a,b,t", *(f"{i // 2},{i % 2},{i % 3 > 0:d},{i % 4 > 1:d}" for i in range(24))],
        {"first": "a", "second": "b", "truth": "t", "cluster": "p"},
    ),
    "ranks": ("ranks", scores(gap=1, questions=8), {}),
    "ranks over raters": ("ranks", scores(raters="abcdef"), {"blocks": "rater"}),
    "ranks, patients": ("ranks", scores(questions=8, patients=2), {}),
    "ranks, a table": ("ranks", ["block,M,D,E", "1,1,2,3", "2,2,3,4", "3,1,2,", "4,3,4,5"], {}),
    "ranks, no names": ("ranks", ["M,D", "1,1", "2,2", "3,3"], {}),
    "preferences": ("preferences", ["system_a,system_b,wins_a,wins_b", "M,D,6,3"], {}),
    "preferences of scores": ("preferences", scores(authors=True), {"ties": "dropped"}),
}


def analysed(name: str, folder: Path) -> OwnAnalysis:
    kind, lines, options = FILES[name]
    file = folder / "data.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    with translation.override("zh-hans"):
        return analyse_own(kind, file, options)


@pytest.mark.parametrize("name", FILES)
def test_nothing_of_the_text_is_english_on_a_chinese_page(name: str, tmp_path: Path) -> None:
    found = analysed(name, tmp_path)
    text = "\n".join([found.methods, *found.notes])
    known = NAMES | set(FILES[name][1][0].split(","))  # the file's own headings
    assert set(re.findall(r"[A-Za-z]{2,}", text)) - known == set()
    assert found.methods.endswith("完成。")
    assert not re.search(r"。 |，，|\s{2}|%\(", text)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("roc, clusters", "病例分属 10 个聚类"),
        ("mrmc, one reader", "阅片者视为固定效应，病例视为随机效应"),
        ("mrmc, few readers and a margin", "误差协方差以DeLong 法估计"),
        ("scores, one rater", "唯一的评分者为固定因素"),
        ("agreement, names", "名义尺度"),
        ("proportions, a named row", ""),
    ],
)
def test_the_paragraph_says_what_was_done(name: str, told: str, tmp_path: Path) -> None:
    assert told in analysed(name, tmp_path).methods


def test_a_rate_of_no_case_is_named_in_the_readers_words(tmp_path: Path) -> None:
    assert analysed("proportions, no cases", tmp_path).notes == ["第 1 行 敏感度：无病例，该率无定义"]


def test_the_page_and_the_command_stay_english_where_english_is_asked_for(tmp_path: Path) -> None:
    kind, lines, options = FILES["scores, patients"]
    file = tmp_path / "data.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    text = analyse_own(kind, file, options)
    assert not re.search("[一-鿿]", "\n".join([text.methods, *text.notes]))
