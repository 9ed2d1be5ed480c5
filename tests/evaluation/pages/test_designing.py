"""Researchers' pages: protocols and checklists, the design of a trial, amendments, tables' cells, exports, analyses."""

import io
import json
import re
import uuid
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluation.models import Arm, DataExport, Protocol, Trial
from evaluation.services import drafts
from evaluation.services.scoring import lock_trial
from mammo.accounts.models import AuditEvent, User
from mammo.archive.models import Study
from tests.evaluation import reading_scene, scene


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def post(client: Client, address: str, *args: Any, **data: Any) -> Any:
    return client.post(
        reverse(f"evaluation:{address}", args=args), data | {"idempotency_key": str(uuid.uuid4())}
    )


def protocol_fields(site: Any, **more: Any) -> dict[str, Any]:
    return {
        "site": site.pk, "title": "Blinded scoring", "hypothesis": "superiority", "alpha": "0.05",
        "multiplicity": "holm", "endpoint": "correctness", "first": "MammoVLM", "second": "Junior",
        "ethics_approval": "EC-1", "missing_scores": "left out",
    } | more  # fmt: skip


def test_a_protocol_is_written_changed_frozen_and_its_gaps_are_shown(rita: User, site: Any) -> None:
    client = client_of(rita)
    answer = post(client, "protocol-new", **protocol_fields(site))
    assert answer.status_code == 302
    row = Protocol.objects.get()
    assert row.primary_endpoint["endpoint"] == "correctness"
    assert row.rules == {"missing_scores": "left out"}
    changed = protocol_fields(site, title="Other title", version=str(row.version))
    assert post(client, "protocol-edit", row.pk, **changed).status_code == 302
    for _ in range(2):
        # Sent again it is as late as before: the page that answers takes no newer version along.
        stale = post(client, "protocol-edit", row.pk, **changed | {"title": "Third title", "authors": "Rita"})
        assert stale.status_code == 409
        shown = stale.content.decode()
        assert "Title: Other title" in shown
        assert "Title: Third title\nAuthors: Rita" in shown
    refused = post(client, "protocol-edit", row.pk, **changed | {"alpha": "7"})
    assert refused.status_code == 400
    assert f'name="version" value="{changed["version"]}"' in refused.content.decode(), (
        "the page that was opened"
    )
    post(client, "protocol-step", row.pk, freeze="1")
    row.refresh_from_db()
    assert (row.title, len(row.frozen_sha256)) == ("Other title", 64)
    page = client.get(reverse("evaluation:protocol", args=[row.pk])).content.decode()
    assert "EC-1" in page
    assert page.count("missing</span>") > 20 or page.count(">missing<") > 20
    post(client, "protocol-step", row.pk, **{"chart.9": "two-way ANOVA", "version": str(row.version)})
    row.refresh_from_db()
    assert row.checklist == {"chart.9": "two-way ANOVA"}
    assert post(client, "protocol-step", row.pk, **{"chart.99": "x"}).status_code == 400


def test_a_trial_is_made_and_filled_on_pages(
    rita: User, june: User, sena: User, sol: User, site: Any
) -> None:
    questions = scene.questions_of(rita, [june, sena, sol], 3)
    protocol = scene.frozen_protocol(rita)
    client = client_of(rita)
    fields = {
        "protocol": protocol.pk, "name": "On pages", "aspects": "safety | Safety | 安全 | No harm.",
        "scale_min": "0", "scale_max": "10", "input_mode": "line", "order": "interleaved", "repeats": "0",
        "controls": "0", "guesses": "1", "sitting_slots": "5", "sitting_minutes": "20",
    }  # fmt: skip
    assert post(client, "trial-new", **fields).status_code == 302
    trial = Trial.objects.get()
    assert [(a.key, a.name_zh) for a in trial.aspects.all()] == [("safety", "安全")]
    campaign = questions[0].campaign
    post(client, "design", trial.pk, do="sample", campaign=campaign.pk, count="2")
    assert trial.trial_questions.count() == 2
    for text in ("[" * 9000, r'{"kind": "\ud800"}'):
        assert post(client, "design", trial.pk, do="system", name="GLM", spec=text).status_code == 400
    spec = json.dumps({"kind": "openai", "model": "glm", "base_url": "http://127.0.0.1:8000/v1"})
    post(client, "design", trial.pk, do="system", name="GLM", spec=spec)
    post(client, "design", trial.pk, do="human", name="Doctor", authors=[june.pk])
    rows = "question,text\n" + "\n".join(f"{q.position},参考" for q in trial.trial_questions.all())
    file = SimpleUploadedFile("answers.csv", rows.encode())
    post(client, "design", trial.pk, do="written", name="Reference", kind="reference", answers=file)
    assert sorted(trial.arms.values_list("kind", flat=True)) == ["human", "reference", "system"]
    fed = trial.arms.get(name="Doctor")
    post(client, "design", trial.pk, do="tables", arm=fed.pk, tables=["1", "3"])
    page = client.get(reverse("evaluation:design", args=[trial.pk])).content.decode()
    assert Arm.objects.get(pk=fed.pk).spec["tables"] == [1, 3]
    assert len(re.findall(r'name="tables" value="[13]" checked', page)) == 2
    page = client.get(reverse("evaluation:trial", args=[trial.pk])).content.decode()
    assert "1 slots apart instead of 8" in page
    post(client, "design", trial.pk, do="rater", people=[sena.pk, sol.pk])
    assert trial.raters.count() == 2
    rater = trial.raters.first()
    post(client, "design", trial.pk, do="remove-rater", rater=rater.pk)
    out = trial.trial_questions.order_by("-position").first()
    post(client, "design", trial.pk, do="remove-question", question=out.pk)
    arm = trial.arms.get(name="GLM")
    post(client, "design", trial.pk, do="leave-out", arm=arm.pk, reason="too slow")
    assert (trial.raters.count(), trial.trial_questions.count()) == (1, 1)
    assert Arm.objects.get(pk=arm.pk).left_out_reason == "too slow"
    answer = post(
        client,
        "design",
        trial.pk,
        do="power",
        raters="4",
        questions="6",
        difference="8",
        hypothesis="superiority",
    )
    page = client.get(answer.headers["Location"]).content.decode()
    assert re.search(r"Power for 8 points with 4 raters and 6 questions: \d+%", page)
    assert post(client, "design", trial.pk, do="nothing").status_code == 400


def test_the_page_tells_the_numbers_for_a_wanted_power_and_what_incomplete_blocks_cost(
    draft: Trial, rita: User
) -> None:
    client = client_of(rita)
    asked = {"do": "power", "raters": "8", "questions": "48", "difference": "3", "hypothesis": "superiority"}
    answer = post(client, "design", draft.pk, **asked, wanted="80")
    page = client.get(answer.headers["Location"]).content.decode()
    assert "Incomplete blocks" not in page
    assert re.search(
        r"For a power of 80%: 12 raters and 38 questions \(81% by the closed form; \d\d% \[", page
    )
    assert "4 raters don&#x27;t reach a power of 80% even with 400 questions (48%)." in page
    drafts.change_trial(draft, {"raters_per_answer": 3}, by_user=rita, expected_version=draft.version)
    answer = post(client, "design", draft.pk, **asked)
    page = client.get(answer.headers["Location"]).content.decode()
    assert re.search(
        r"Power for 3 points with 8 raters and 48 questions.*Incomplete blocks: 3 raters per answer; were every "
        r"answer scored by all raters, it would be 7\d%\.",
        page,
    )
    assert "For a power of" not in page
    answer = post(client, "design", draft.pk, **asked | {"difference": "0"}, wanted="80")
    assert answer.status_code == 400
    assert "other than 0" in answer.content.decode()


def test_the_page_counts_questions_of_one_patient_as_fewer(draft: Trial, rita: User) -> None:
    client = client_of(rita)
    page = client.get(reverse("evaluation:design", args=[draft.pk])).content.decode()
    assert re.search(r'name="correlation" value="0.1"', page)
    assert re.search(r'name="per_patient" value="\d', page)
    asked = {"do": "power", "raters": "8", "questions": "48", "difference": "3", "hypothesis": "superiority"}
    answer = post(client, "design", draft.pk, **asked, per_patient="4", correlation="0.2")
    page = client.get(answer.headers["Location"]).content.decode()
    assert (
        "4 questions per patient with a correlation of 0.2: design effect 1.60, 48 questions count as 30.0."
        in page
    )
    assert post(client, "design", draft.pk, **asked, per_patient="40").status_code == 400


def test_an_author_writes_under_the_same_conditions(draft: Trial, june: User, jack: User) -> None:
    arm = draft.arms.get(kind="human")
    arm.answers.all().delete()
    client = client_of(june)
    page = client.get(reverse("evaluation:writing")).content.decode()
    assert draft.name not in page
    assert "Untuned model" not in page
    asked = draft.trial_questions.order_by("position").first()
    form = client.get(reverse("evaluation:write", args=[asked.pk]))
    assert "Untuned model" not in form.content.decode()
    assert client.get(reverse("evaluation:write-viewer", args=[asked.pk])).json()["study"] == str(asked.pk)
    assert post(client, "write", asked.pk, text="建议每年复查。", active_seconds="31").status_code == 302
    answer = arm.answers.get()
    assert (str(answer.raw_text), answer.author, answer.seconds) == ("建议每年复查。", june, 31.0)
    assert client_of(jack).get(reverse("evaluation:write", args=[asked.pk])).status_code == 404


def test_an_amendment_withdraws_a_rater_on_record(trial: Trial, rita: User, sena: User) -> None:
    rater = trial.raters.get(user=sena)
    answer = post(
        client_of(rita), "amend", trial.pk, text="one rater less", reason="ill", rater=str(rater.pk)
    )
    assert answer.status_code == 302
    rater.refresh_from_db()
    assert rater.withdrawn_at is not None
    page = client_of(rita).get(reverse("evaluation:trial", args=[trial.pk])).content.decode()
    assert "one rater less" in page


@pytest.fixture
def locked(trial: Trial, rita: User) -> Trial:
    scene.score_all(trial)
    return lock_trial(trial, by_user=rita)


def test_every_cell_of_table_1_leads_to_its_rows(locked: Trial, stan: User) -> None:
    client = client_of(stan)
    page = client.get(reverse("evaluation:table-page", args=[locked.pk, 1])).content.decode()
    links = re.findall(r'href="(/evaluation/tables/[^"]+/rows/[^"]+)"', page)
    assert len(links) == 15
    rows = client.get(links[0].replace("&amp;", "&")).content.decode()
    # Two raters, nine questions, one arm, one aspect.
    assert "18 rows stand behind this number." in rows
    assert rows.count("<tr>") == 19
    assert "Untuned model" not in rows
    # Three arms in each of the two densities: its own rows behind each cell, in pages and files alike.
    dense = Study.objects.filter(questions__trial_uses__trial=locked).first()
    Study.objects.filter(pk=dense.pk).update(density="D")
    address = reverse("evaluation:table-page", args=[locked.pk, 1])
    page = client.get(address + "?by=density").content.decode()
    links = re.findall(r'href="(/evaluation/tables/[^"]+/rows/[^"]+)"', page)
    assert len(links) == 30
    last = client.get(links[-1].replace("&amp;", "&")).content.decode()
    assert "2 rows stand behind this number." in last
    file = client.get(reverse("evaluation:table", args=[locked.pk, 1, "csv"]) + "?by=density")
    assert file.content.decode().count("density D") == 3
    assert client.get(address + "?by=colour").status_code == 400


def test_tables_of_the_archive_have_pages_files_and_rows(rita: User, stan: User) -> None:
    study = scene.patient_with_study(rita.sites_as("researcher").get(), "T1", "T1")
    study.birads_overall = "4A"
    study.save()
    client = client_of(stan)
    page = client.get(reverse("evaluation:any-table", args=[9])).content.decode()
    link = re.search(r'href="(/evaluation/tables/9/rows/[^"]+)"', page)
    assert link is not None
    assert str(study.pk) in client.get(link.group(1).replace("&amp;", "&")).content.decode()
    file = client.get(reverse("evaluation:any-table", args=[9]) + "?as=csv")
    assert file.headers["Content-Disposition"] == 'attachment; filename="table9.csv"'
    assert AuditEvent.objects.filter(action="evaluation.table_downloaded").exists()
    for number in (4, 5, 6, 7, 8, 10):
        assert client.get(reverse("evaluation:any-table", args=[number])).status_code == 200


def test_a_table_of_simulated_rows_alone_opens_with_them_and_says_so(rita: User, stan: User) -> None:
    study = scene.patient_with_study(rita.sites_as("researcher").get(), "T1", "T1")
    Study.objects.filter(pk=study.pk).update(birads_overall="4A", is_simulated=True)
    client, address = client_of(stan), reverse("evaluation:any-table", args=[9])
    page = client.get(address).content.decode()
    assert 'id="table-9"' in page
    assert re.search(r'<input[^>]*name="simulated"[^>]*checked', page)
    link = re.search(r'href="(/evaluation/tables/9/rows/[^"]+)"', page)
    assert link is not None
    assert str(study.pk) in client.get(link.group(1).replace("&amp;", "&")).content.decode()
    assert client.get(address + "?as=csv").status_code == 200
    # Asked for without them, the page says what would take them in by the label of its own box.
    left_out = client.get(address + "?by=density").content.decode()
    assert 'id="table-9"' not in left_out
    assert "Simulated rows too" in left_out
    assert "--simulated" not in left_out


def test_a_table_of_the_archive_holds_no_row_of_another_hospital(stan: User, other_site: Any) -> None:
    study = scene.patient_with_study(other_site, "T2", "T2")
    study.birads_overall = "5"
    study.save()
    page = client_of(stan).get(reverse("evaluation:any-table", args=[9])).content.decode()
    assert 'id="table-9"' not in page


def test_an_export_needs_a_reason_and_a_second_person_and_ends(locked: Trial, rita: User, stan: User) -> None:
    mine, other = client_of(rita), client_of(stan)
    day = (timezone.localdate() + timedelta(days=7)).isoformat()
    refused = post(mine, "exports", trial=locked.pk, reason=" ", expires_on=day)
    assert refused.status_code == 400
    assert post(mine, "exports", trial=locked.pk, reason="analysis", expires_on=day).status_code == 302
    row = DataExport.objects.get()
    assert "waits for a second person" in other.get("/").content.decode()
    assert "waits for a second person" not in mine.get("/").content.decode()
    assert mine.post(reverse("evaluation:export-download", args=[row.pk])).status_code == 409
    assert post(mine, "export-decide", row.pk, do="approved").status_code == 409
    assert post(other, "export-decide", row.pk, do="approved").status_code == 302
    file = mine.post(reverse("evaluation:export-download", args=[row.pk]))
    assert file.status_code == 200
    names = zipfile.ZipFile(io.BytesIO(file.content)).namelist()
    assert {"scores.csv", "scores.xlsx", "codebook.csv", "manifest.json", "table1.R"} <= set(names)
    assert b"MammoVLM" not in zipfile.ZipFile(io.BytesIO(file.content)).read("scores.csv")
    assert other.post(reverse("evaluation:export-download", args=[row.pk])).status_code == 404
    assert AuditEvent.objects.filter(action="evaluation.exported").count() == 1
    DataExport.objects.update(expires_on=timezone.localdate() - timedelta(days=1))
    assert mine.post(reverse("evaluation:export-download", args=[row.pk])).status_code == 409


def test_leaks_and_unsafe_answers_are_reported_under_masks(locked: Trial, stan: User, sena: User) -> None:
    client = client_of(stan)
    for name in ("leaks", "unsafe"):
        page = client.get(reverse(f"evaluation:{name}", args=[locked.pk])).content.decode()
        assert "Untuned model" not in page
        assert locked.arms.first().code in page
        assert client_of(sena).get(reverse(f"evaluation:{name}", args=[locked.pk])).status_code == 404


def test_a_reader_meets_neither_truth_nor_output_where_the_condition_is_alone(
    rita: User, june: User, sena: User
) -> None:
    from evaluation.services.readings import next_reading

    study = reading_scene.open_study(rita, [june, sena], count=4)
    client = client_of(june)
    reader = study.readers.get(user=june)
    seen = {"alone": 0, "with_ai": 0}
    while (slot := next_reading(reader)) is not None and slot.session == 1:
        page = client.get(reverse("evaluation:read", args=[slot.pk])).content.decode()
        seen[slot.condition] += 1
        assert ("UMiCon" in page) == (slot.condition == "with_ai")
        for secret in (
            str(slot.case.study_id),
            str(slot.case_id),
            str(study.pk),
            study.name,
            "biopsy",
        ):
            assert secret not in page, secret
        described = client.get(reverse("evaluation:read-viewer", args=[slot.pk])).json()
        assert described["study"] == str(slot.pk)
        assert client.get(described["images"][0]["url"]).status_code == 200
        answer = post(client, "read", slot.pk, finding="none", category="2", likelihood="3")
        assert answer.status_code == 302
    assert seen == {"alone": 2, "with_ai": 2}
    assert "opens on" in client.get(reverse("evaluation:readings")).content.decode()
    bad = post(
        client_of(sena),
        "read",
        next_reading(study.readers.get(user=sena)).pk,
        finding="mass",
        category="5",
        likelihood="90",
    )
    assert bad.status_code == 400


def test_a_refused_number_of_questions_leaves_the_form_as_it_was_typed(draft: Trial, rita: User) -> None:
    campaign = draft.trial_questions.select_related("question__campaign").first().question.campaign
    answer = post(client_of(rita), "design", draft.pk, do="sample", campaign=campaign.pk, count="9999")
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "questions: 9999 wanted" in page
    assert re.search(r'id="count"[^>]* value="9999"', page)
    assert f'value="{campaign.pk}" selected' in page
