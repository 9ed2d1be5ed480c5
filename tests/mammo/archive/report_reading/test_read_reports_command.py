"""`read_reports IN.jsonl OUT.jsonl`: what it writes, and how it refuses."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_each_report_gets_one_line_with_the_agreed_keys(tmp_path):
    source = write(
        tmp_path / "in.jsonl",
        json.dumps({"id": "a", "text": "腺体c型。左乳BI-RADS 3类，建议半年复查。"}),
        json.dumps({"id": "b", "text": "Density b. BI-RADS 1."}),
    )
    call_command("read_reports", source, tmp_path / "out.jsonl", stdout=StringIO())
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines())
    assert {"id", "density", "birads", "blanked", "blanked_strict", "confidence"} <= set(first)
    assert first["birads"] == {"left": "3", "right": None, "overall": "3"}
    assert (first["id"], first["density"]) == ("a", "C")
    assert (second["id"], second["density"], second["birads"]["overall"]) == ("b", "B", "1")


def test_json_prints_one_object_and_nothing_else(tmp_path):
    source = write(tmp_path / "in.jsonl", json.dumps({"id": "a", "text": "双乳BI-RADS 1类。"}))
    out = StringIO()
    call_command("read_reports", source, tmp_path / "out.jsonl", "--json", stdout=out)
    assert json.loads(out.getvalue())["counts"] == {
        "reports": 1,
        "with_density": 0,
        "with_birads": 1,
        "doubtful": 0,
    }


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (['{"id": "a", "text": "x"}', "{oops"], "line 2: not JSON"),
        (['{"id": "a", "text": "x"}', '{"id": "b"}'], "row 2: field `text` is missing"),
        (['{"text": "x"}'], "row 1: field `id` is missing"),
        (['{"id": 7, "text": "x"}'], "row 1: field `id` is missing or no text"),
        (['{"id": "a", "text": "x"}', '{"id": "a", "text": "y"}'], "row 2: id 'a' stands in row 1 too"),
        (["[1]"], "expected one JSON object"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(tmp_path, lines, complaint):
    source = write(tmp_path / "in.jsonl", *lines)
    target = write(tmp_path / "out.jsonl", "what was there before")
    with pytest.raises(CommandError, match=complaint):
        call_command("read_reports", source, target)
    assert target.read_text(encoding="utf-8") == "what was there before\n"
    assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.jsonl"]


def test_a_missing_input_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"nowhere\.jsonl: cannot be read"):
        call_command("read_reports", tmp_path / "nowhere.jsonl", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_the_input_is_never_overwritten(tmp_path):
    source = write(tmp_path / "in.jsonl", json.dumps({"id": "a", "text": "x"}))
    with pytest.raises(CommandError, match="name another output file"):
        call_command("read_reports", source, source)


def test_reports_in_gb18030_are_refused_in_one_line(tmp_path):
    source = tmp_path / "in.jsonl"
    row = json.dumps({"id": "a", "text": "双乳BI-RADS 1类。"}, ensure_ascii=False)
    source.write_bytes(row.encode("gb18030"))
    with pytest.raises(CommandError, match=r"in\.jsonl: not UTF-8 text; save it as UTF-8$"):
        call_command("read_reports", source, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
