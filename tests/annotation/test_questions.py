"""Bringing in questions: matched by keyed hash, cleaned, once."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from annotation.models import Campaign, Question
from annotation.services.campaigns import close_campaign
from annotation.services.questions import import_questions
from mammo.accounts.models import User
from mammo.archive.models import ImportBatch, Study
from mammo.core.errors import NotAllowedError, WrongStateError
from tests.annotation import scene


def test_a_question_finds_its_study(campaign: Campaign, study: Study) -> None:
    (question,) = scene.ask(campaign)
    assert (question.study, question.patient) == (study, study.patient)
    assert question.turns == ["我的乳腺密度是多少？"]
    assert question.stage == Question.Stage.NEW


def test_a_question_without_a_study_is_welcome(campaign: Campaign) -> None:
    (question,) = scene.ask(campaign, scene.row(patient="", accession=""))
    assert (question.study, question.patient) == (None, None)
    assert question.turns == ["我的乳腺密度是多少？"]


def test_unknown_numbers_are_rejected_and_the_other_rows_come_in(campaign: Campaign) -> None:
    rows = [scene.row(), scene.row("那呢？", 3, patient="P999"), scene.row("呢？", 4, accession="A999")]
    result = import_questions(campaign, rows, by_user=None, table_name="q.csv")
    assert [item.outcome for item in result.items] == ["imported", "rejected", "rejected"]
    assert "no patient" in result.items[1].reason
    assert "no study" in result.items[2].reason
    assert result.counts == {"imported": 1, "duplicate": 0, "quarantined": 0, "rejected": 2}
    assert ImportBatch.objects.get().items.count() == 3


def test_the_same_table_twice_adds_nothing(campaign: Campaign) -> None:
    rows = [scene.row(), scene.row("第二个问题？", 3)]
    scene.ask(campaign, *rows)
    result = import_questions(campaign, rows, by_user=None, table_name="q.csv")
    assert [item.outcome for item in result.items] == ["duplicate", "duplicate"]
    assert Question.objects.count() == 2


def test_two_patients_may_ask_the_same(campaign: Campaign) -> None:
    scene.patient_with_study(campaign.site, "P002", "A002")
    found = scene.ask(campaign, scene.row(), scene.row(number=3, patient="P002", accession="A002"))
    assert len(found) == 2


def test_her_own_numbers_are_taken_out_of_the_text(campaign: Campaign) -> None:
    (question,) = scene.ask(campaign, scene.row("我是P001，检查号A001，密度高吗？"))
    assert "P001" not in question.turns[0]
    assert "A001" not in question.turns[0]
    assert "P001" in question.wording_received


def test_names_known_from_her_images_are_taken_out(campaign: Campaign, study: Study) -> None:
    study.patient.roster = {"names": ["Zhang^Mingxia=张^明霞"], "doctors": [], "numbers": [], "places": []}
    study.patient.save()
    (question,) = scene.ask(campaign, scene.row("明霞想知道，张明霞的密度高吗？电话13800138000"))
    assert "明霞" not in question.turns[0]
    assert "13800138000" not in question.turns[0]
    assert "密度高吗" in question.turns[0]


def test_the_wording_is_unreadable_in_the_database(campaign: Campaign) -> None:
    scene.ask(campaign)
    with connection.cursor() as cursor:
        cursor.execute("SELECT turns, wording_received FROM annotation_question")
        assert all("密度" not in cell and "\\u5bc6" not in cell for cell in cursor.fetchone())


def test_only_researchers_and_data_managers_bring_questions_in(
    campaign: Campaign, june: User, otto: User, dana: User
) -> None:
    for stranger in (june, otto):
        with pytest.raises(NotAllowedError):
            import_questions(campaign, [scene.row()], by_user=stranger, table_name="q.csv")
    assert import_questions(campaign, [scene.row()], by_user=dana, table_name="q.csv").counts["imported"] == 1


def test_a_closed_campaign_takes_no_questions(campaign: Campaign, rita: User) -> None:
    close_campaign(campaign, by_user=rita)
    with pytest.raises(WrongStateError):
        import_questions(campaign, [scene.row()], by_user=rita, table_name="q.csv")


def test_the_command_reports_each_row(
    campaign: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "q.csv"
    path.write_text("patient,accession,text,source\nP001,A001,密度？,ward\nP9,A9,x,ward\n", encoding="utf-8")
    call_command("import_questions", str(path), campaign="Spring", site="north", json=True)
    said = json.loads(capsys.readouterr().out)
    assert [item["outcome"] for item in said["items"]] == ["imported", "rejected"]
    assert said["counts"]["imported"] == 1


def test_the_command_changes_nothing_on_a_wrong_column(campaign: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text("patient,question,source\nP001,x,ward\n", encoding="utf-8")
    with pytest.raises(CommandError, match="unknown column 'question'"):
        call_command("import_questions", str(path), campaign="Spring", site="north")
    with pytest.raises(CommandError, match="no such file"):
        call_command("import_questions", str(tmp_path / "absent.csv"), campaign="Spring", site="north")
    with pytest.raises(CommandError, match="no such campaign; known: Spring"):
        call_command("import_questions", str(path), campaign="Autumn", site="north")
    assert not Question.objects.exists()
    assert not ImportBatch.objects.exists()


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("consent", "IC 20-7730"),  # a number of hers, with other signs between
        ("consent", "p001/7"),  # as the row names her
        ("consent", "李秀英 IC-7"),
        ("consent", "110105194912310028"),
        ("source", "电话13812345678"),
        ("source", "李秀英的信"),
    ],
)
def test_a_consent_or_source_that_names_her_is_refused_with_its_row(
    campaign: Campaign, study: Study, column: str, text: str
) -> None:
    study.patient.roster = {
        "names": ["李秀英"],
        "doctors": [],
        "numbers": ["207730", "2026", "00017"],
        "places": [],
    }
    study.patient.save()
    rows = [
        scene.row(**{column: text}),
        scene.row("我要复查吗？", 3, consent="IC-2026-00017", source="2026 1层"),
    ]
    result = import_questions(campaign, rows, by_user=None, table_name="q.csv")
    refused, taken = result.items
    assert (refused.row, refused.outcome, taken.outcome) == (2, "rejected", "imported")
    assert refused.reason.startswith(f"{column}: names a person")
    assert text not in refused.reason


def test_source_and_consent_stand_beside_the_wording_to_be_confirmed(campaign: Campaign, dana: User) -> None:
    import_questions(campaign, [scene.row(source="门诊一楼", consent="IC-77")], by_user=None, table_name="q")
    client = Client()
    client.force_login(dana)
    pages = ("/annotation/wordings/", f"/annotation/wordings/{Question.objects.get().pk}/")
    for page in pages:
        body = client.get(page).content.decode()
        assert "门诊一楼" in body
        assert "IC-77" in body
    (told,) = client.get("/api/v1/wordings/").json()["results"]
    assert (told["source"], told["consent_reference"]) == ("门诊一楼", "IC-77")
