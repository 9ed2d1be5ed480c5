"""Every item of a checklist that names a fact is filled by the rows of a furnished trial or reader study."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from evaluation import checklists
from evaluation.models import Protocol, ReaderStudy, Trial
from evaluation.reports import checklist_facts
from evaluation.reports.checklist_facts import facts_of, filled
from evaluation.services.scoring import lock_trial
from mammo.accounts.models import User
from mammo.archive.models import Cohort
from tests.evaluation import reading_scene, scene

# Of the lists of reader studies: adverse events, and agreement of those who set the truth. Nothing of a reader study
# holds them, an author writes them.
NOT_OF_READERS = {"agreement", "unsafe"}


def named(lists: tuple[str, ...]) -> set[str]:
    """Facts that items of these lists name."""
    return {item.fact for name in lists for item in checklists.of(name)} - {""}


@pytest.fixture
def fields(rita: User) -> dict[str, Any]:
    """A protocol that says everything."""
    site = rita.sites_as("researcher").get()
    return {
        "registry_number": "ChiCTR-1",
        "consent_basis": "waiver",
        "primary_endpoint": {
            "endpoint": "correctness", "first": "MammoVLM", "second": "Junior doctor", "hypothesis": "superiority",
        },
        "analysis_plan": "two-way random effects",
        "rules": {"missing_scores": "left out"},
        "exclusions": ["implants"],
        "cohort": Cohort(name="Screening", site=site, by_user=rita),
        "authors": "R. Iver",
    }  # fmt: skip


@pytest.fixture
def trial_done(rita: User, june: User, sena: User, sol: User, fields: dict[str, Any]) -> Trial:
    """Scored and locked; a rule of its screen is on record."""
    trial = scene.open_trial(rita, june, [sena, sol], 3, protocol=fields, instructions="Score each answer.")
    scene.score_all(trial)
    trial = lock_trial(trial, by_user=rita)
    trial.screening = [{"rule": "accept", "reason": "as it is"}]
    return trial


def gaps(protocol: Protocol, lists: tuple[str, ...], **of: Any) -> set[str]:
    facts = facts_of(protocol, of.get("trial"), of.get("study"))
    return {name for name in named(lists) if not facts.get(name)}


def test_a_checklist_names_the_hospital_by_its_letter(trial_done: Trial) -> None:
    said = facts_of(trial_done.protocol, trial_done, None)
    assert said["site"] == "hospital A"
    assert not [
        name for name, text in said.items() if trial_done.site.name in text or trial_done.site.code in text
    ]


def test_a_furnished_trial_fills_every_fact_that_its_lists_name(
    trial_done: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = trial_done.protocol
    assert gaps(protocol, checklists.OF_TRIALS, trial=trial_done) == set()
    assert set(facts_of(protocol, trial_done, None)) >= NOT_OF_READERS
    monkeypatch.setattr(checklist_facts, "_of_trial", lambda trial: {})
    assert {"arms", "blinding", "prompts", "tables"} <= gaps(protocol, checklists.OF_TRIALS, trial=trial_done)


def test_a_furnished_reader_study_fills_what_its_lists_name(
    reader_study: ReaderStudy, rita: User, fields: dict[str, Any]
) -> None:
    endpoint = {"endpoint": "auc", "first": "ai", "second": "alone", "hypothesis": "superiority"}
    protocol = scene.frozen_protocol(rita, **fields | {"primary_endpoint": endpoint})
    reader_study.checkpoint = reading_scene.checkpoint_of(reader_study.site)
    reader_study.instructions = "Read as in clinic."
    assert gaps(protocol, checklists.OF_READER_STUDIES, study=reader_study) == NOT_OF_READERS
    assert "finding" in facts_of(protocol, None, reader_study)["strata"]


def test_the_lists_of_a_trial_on_its_page_have_no_gap_that_rows_fill(trial_done: Trial) -> None:
    Trial.objects.filter(pk=trial_done.pk).update(screening=trial_done.screening)
    lists = filled(Protocol.objects.get(pk=trial_done.protocol_id))
    assert set(lists) == {checklists.NAMES[name] for name in checklists.OF_TRIALS}
    open_items = [one.item.key for items in lists.values() for one in items if one.is_gap and one.item.fact]
    assert open_items == []


# What a cohort's name, or how many are malignant, does not answer: these stay gaps until an author writes them.
ASKED_OTHERWISE = {"stard.5", "stard.12b", "stard.20", "claim.6", "claim.37"}


def test_a_cohorts_name_and_the_count_of_cancers_fill_no_item_that_asks_for_something_else(
    reader_study: ReaderStudy, rita: User, fields: dict[str, Any]
) -> None:
    protocol = scene.frozen_protocol(rita, **fields)
    ReaderStudy.objects.filter(pk=reader_study.pk).update(protocol=protocol)
    lists = filled(Protocol.objects.get(pk=protocol.pk))
    found = {one.item.key: one for items in lists.values() for one in items}
    assert {key for key in ASKED_OTHERWISE if found[key].is_gap} == ASKED_OTHERWISE
    assert found["stard.7"].from_rows == "Screening"
    assert "malignant" in found["stard.10b"].from_rows


def test_only_lists_of_which_we_have_the_published_numbers_print_numbers(
    reader_study: ReaderStudy, rita: User
) -> None:
    client = Client()
    client.force_login(rita)
    page = client.get(reverse("evaluation:protocol", args=[reader_study.protocol_id])).content.decode()
    parts = dict(zip(("stard", "stardai", "claim"), page.split("<details")[1:], strict=True))
    assert '<th scope="row">12b</th><td>' in parts["stard"]
    assert "without their numbers" not in parts["stard"]
    for name in ("stardai", "claim"):
        assert "Items in our own words and order, without their numbers in the published list." in parts[name]
        rows = re.findall(r'<th scope="row">(.*?)</th>', parts[name])
        assert rows == [escape(item.text) for item in checklists.of(name)]
