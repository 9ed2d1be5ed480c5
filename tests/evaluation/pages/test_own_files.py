"""The page where a researcher drops a CSV file: every kind, every option of the command."""

import html
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from evaluation.analysis_form import SECTIONS, AnalysisForm
from evaluation.management.commands.analyse import KINDS, Command
from mammo.accounts.models import User
from tests.evaluation.pages.test_designing import client_of


def test_a_strangers_file_is_analysed_on_a_page(stan: User, june: User) -> None:
    rows = ["truth,ai,reader"] + [f"{i % 2},{i % 2 * 2 + i % 3},{i % 5 + i % 2}" for i in range(40)]
    file = SimpleUploadedFile("cases.csv", "\n".join(rows).encode())
    data = {"kind": "roc", "file": file, "truth": "truth", "score": "ai", "compare": "reader"}
    page = client_of(stan).post(reverse("evaluation:analyse"), data).content.decode()
    assert "data:image/png;base64," in page
    assert "The area under the ROC curve was estimated for 20 positive and 20 negative cases" in page
    bad = SimpleUploadedFile("cases.csv", b"truth,ai\n1,x\n0,2\n")
    answer = client_of(stan).post(
        reverse("evaluation:analyse"), {"kind": "roc", "file": bad, "truth": "truth", "score": "ai"}
    )
    assert answer.status_code == 400
    assert "cases.csv, line 2, column ai" in answer.content.decode()
    assert client_of(june).get(reverse("evaluation:analyse")).status_code == 404


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("mrmc", "variance components"),
        ("scores", "contrasts"),
        ("agreement", "Kendall&#x27;s W"),
        ("proportions", "proportions"),
        ("paired", "McNemar exact"),
        ("ranks", "critical difference"),
        ("preferences", "strengths"),
    ],
)
def test_every_kind_of_analysis_has_its_page(stan: User, kind: str, shown: str) -> None:
    cells = [(r, m, c) for r in "ab" for m in "xy" for c in range(8)]
    files = {
        "mrmc": [
            "reader,modality,case,truth,rating",
            *(f"{r},{m},c{c},{c % 2},{(c * 7 + ord(r) + ord(m)) % 9}" for r, m, c in cells),
        ],
        "scores": [
            "rater,question,system,aspect,score",
            *(f"{r},q{c},{m},help,{60 + (c * 5 + ord(r)) % 11}" for r, m, c in cells),
        ],
        "agreement": [
            "rater,unit,value",
            *(f"{r},u{c},{(c * 3 + ord(r)) % 6}" for r in "ab" for c in range(8)),
        ],
        "proportions": ["name,tp,fp,fn,tn", "ours,30,5,4,61"],
        "paired": ["name,both,first_only,second_only,neither", "calls,30,12,5,53"],
        "ranks": [
            "block,system,value",
            *(f"b{c},{m},{(c * 7 + ord(m)) % 9}" for c in range(8) for m in "xyz"),
        ],
        "preferences": ["first,second,preferred", "x,y,x", "x,y,y", "y,z,y", "z,y,z", "x,z,tie", "x,y,x"],
    }
    file = SimpleUploadedFile("data.csv", "\n".join(files[kind]).encode())
    answer = client_of(stan).post(reverse("evaluation:analyse"), {"kind": kind, "file": file})
    assert answer.status_code == 200, re.findall(r'role="alert">(.*?)<', answer.content.decode())
    assert "For the methods section" in answer.content.decode()
    assert shown in answer.content.decode()


def test_the_page_has_every_option_of_the_command() -> None:
    parser = Command().create_parser("manage.py", "analyse")
    plain = parser._positionals._group_actions + Command.__mro__[1]().create_parser("manage.py", "x")._actions
    of_every_command = {action.dest for action in plain} | {"kind", "file"}
    options = {action.dest for action in parser._actions} - of_every_command
    assert len(options) >= 25
    # What takes minutes is for the command alone.
    assert options - set(AnalysisForm().fields) == {"profile"}
    shown = [name for _title, names in SECTIONS for name in names]
    assert sorted(shown) == sorted(AnalysisForm().fields)
    assert set(KINDS) == {kind for kind, _label in AnalysisForm().fields["kind"].choices}


READINGS = "\n".join(
    [
        "reader,modality,case,truth,rating",
        *(
            f"{r},{m},c{c},{c % 2},{(c * 7 + ord(r) + ord(m)) % 9 + c % 2}"
            for r in "abc"
            for m in "xy"
            for c in range(12)
        ),
    ]
)
SCORES = "\n".join(
    [
        "rater,question,system,aspect,score",
        *(
            f"{r},q{c},{m},help,{60 + (c * 5 + ord(r) * 3 + ord(m)) % 11}"
            for r in "abc"
            for m in "xy"
            for c in range(8)
        ),
    ]
)
CASES = "\n".join(
    ["truth,density,ai", *(f"{i % 2},{'ABC'[i % 3]},{i % 2 * 2 + i % 3 + i % 5}" for i in range(40))]
)
ROC = {"kind": "roc", "truth": "truth", "score": "ai"}


@pytest.mark.parametrize(
    ("file", "data", "shown"),
    [
        (CASES, ROC | {"level": "0.9"}, "with 90% confidence intervals"),
        (CASES, ROC | {"at_sensitivity": "0.8"}, "Specificity is given at a sensitivity of 0.8"),
        (CASES, ROC | {"partial": "0.7"}, "McClish"),
        (CASES, ROC | {"threshold": "0"}, "sensitivity"),
        (CASES, ROC | {"truth": "density", "multiclass": "on"}, "The truth has several classes"),
        (CASES, ROC | {"bootstrap": "on", "replicates": "123", "seed": "7"}, "bootstrap of 123 draws"),
        (READINGS, {"kind": "mrmc", "covariance": "jackknife"}, "jackknife covariance"),
        (READINGS, {"kind": "mrmc", "readers": "fixed"}, "readers were fixed and cases random"),
        (READINGS, {"kind": "mrmc", "margin": "0.1"}, "against a margin of 0.1."),
        (READINGS, {"kind": "mrmc", "cases": "fixed"}, "readers were random and cases fixed"),
        (
            READINGS,
            {"kind": "mrmc", "endpoint": "sensitivity", "at_specificity": "0.6"},
            "sensitivity at a specificity of 0.6",
        ),
        (SCORES, {"kind": "scores", "maximum": "70", "replicates": "100"}, "<td>70</td>"),
        (SCORES, {"kind": "scores", "mixed": "on", "replicates": "100"}, "A linear mixed model (REML)"),
    ],
)
def test_an_option_given_on_the_page_is_used(stan: User, file: str, data: dict[str, str], shown: str) -> None:
    upload = SimpleUploadedFile("data.csv", file.encode())
    answer = client_of(stan).post(reverse("evaluation:analyse"), data | {"file": upload})
    page = answer.content.decode()
    assert answer.status_code == 200, re.findall(r'role="alert">(.*?)<', page)
    assert shown in page


def test_the_draws_and_the_seed_of_the_page_change_what_the_bootstrap_says(stan: User) -> None:
    def shown(**more: str) -> str:
        upload = SimpleUploadedFile("data.csv", SCORES.encode())
        data = {"kind": "scores", "replicates": "100"} | more | {"file": upload}
        page = client_of(stan).post(reverse("evaluation:analyse"), data).content.decode()
        return page[page.index("<caption>means") : page.index("<caption>contrasts")]

    assert shown() == shown(seed="1")
    assert shown(seed="2") != shown()
    assert shown(replicates="150") != shown()
    assert shown(rater_by_question="on") != shown()


def test_what_does_not_fit_is_said_in_the_words_of_the_page(stan: User) -> None:
    upload = SimpleUploadedFile("data.csv", READINGS.encode())
    data = {"kind": "mrmc", "readers": "fixed", "cases": "fixed", "file": upload}
    answer = client_of(stan).post(reverse("evaluation:analyse"), data)
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "“Readers are” fixed “Cases are” fixed: nothing is random" in page
    assert "--readers" not in page


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_nested_values_are_tables_with_readable_headings(stan: User, language: str) -> None:
    """Models hold means and differences, which are rows and no text of a program."""
    upload = SimpleUploadedFile("data.csv", READINGS.encode())
    client = client_of(stan)
    client.cookies["django_language"] = language
    page = client.post(reverse("evaluation:analyse"), {"kind": "mrmc", "file": upload}).content.decode()
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    text = html.unescape(" ".join(tables))
    assert not re.search(r"{'|\\b[a-z0-9]+_[a-z0-9_]+\\b", text)
    heads = [re.findall(r"<th[^>]*>(.*?)</th>", one) for one in tables]
    assert not [head for head in heads if len(head) != len(set(head))]
    assert not [head for head in heads if {"AUC", "estimate"} <= set(head) or {"AUC", "估计值"} <= set(head)]
    captions = re.findall(r"<caption>(.*?)</caption>", page)
    expected = {
        "en": "models, fixed readers, random cases, means",
        "zh-hans": "模型, 阅片者固定，病例随机, 均值",
    }
    assert expected[language] in captions
