"""The cohort of a protocol binds the questions of its trials."""

import uuid
from collections.abc import Callable
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Question
from evaluation.models import Protocol, ReaderStudyCase, Trial
from evaluation.services import drafts
from evaluation.services.cohorts import cohort_obstacles, excluded_of, outside_cohort
from evaluation.services.freezing import freeze_trial, obstacles
from evaluation.services.protocols import change_protocol, create_protocol, freeze_protocol
from evaluation.services.raters import add_rater
from evaluation.services.reader_studies import (
    create_reader_study,
    freeze_reader_study,
    reader_study_obstacles,
)
from evaluation.services.trials import add_questions, create_trial, eligible_questions, sample_questions
from mammo.accounts.models import AuditEvent, Membership, Site, User
from mammo.archive.cohorts import write_cohort
from mammo.archive.models import Cohort
from mammo.core.errors import UserError, WrongStateError
from tests.evaluation import reading_scene, scene
from tests.evaluation.pages.test_designing import client_of, post, protocol_fields


@pytest.fixture
def binding(rita: User, june: User, sena: User, sol: User) -> Callable[..., Trial]:
    """Makes an answered draft of nine questions whose protocol names a cohort of the studies of all but some."""
    site = rita.sites_as("researcher").get()

    def bound(*outside: int) -> Trial:
        questions = scene.questions_of(rita, [june, sena, sol])
        cohort = Cohort(name="Screening 2021", site=site, by_user=rita)
        trial = scene.draft_trial(rita, questions, june, protocol={"cohort": cohort}, outside=outside)
        scene.answer_all(trial, rita, june)
        for person in (sena, sol):
            add_rater(trial, person, by_user=rita)
        return trial

    return bound


def test_a_question_about_a_study_outside_of_the_cohort_keeps_a_trial_from_being_frozen(
    binding: Callable[..., Trial], rita: User
) -> None:
    bound = binding(2, 5)
    said = "2 questions are about studies outside of the protocol's cohort “Screening 2021” (2, 5): take them out."
    assert obstacles(bound) == [said]
    with pytest.raises(WrongStateError, match="outside of the protocol's cohort"):
        freeze_trial(bound, by_user=rita)
    for position in (2, 5):
        drafts.remove_question(bound.trial_questions.get(position=position), by_user=rita)
    assert obstacles(bound) == []
    freeze_trial(bound, by_user=rita)
    assert bound.state == "frozen"


def test_a_protocol_without_a_cohort_and_a_question_without_a_study_are_bound_by_none(
    binding: Callable[..., Trial], rita: User
) -> None:
    bound = binding(3)
    free = create_trial("Free", protocol=scene.frozen_protocol(rita), by_user=rita)
    add_questions(free, [row.question for row in bound.trial_questions.order_by("position")], by_user=rita)
    assert (outside_cohort(free), cohort_obstacles(free)) == ([], [])
    asked = bound.trial_questions.get(position=3).question
    assert outside_cohort(bound) == [3]
    Question.objects.filter(pk=asked.pk).update(study=None)
    assert outside_cohort(bound) == []


def test_only_questions_of_the_cohort_are_drawn_and_the_page_counts_the_others(
    binding: Callable[..., Trial], rita: User
) -> None:
    bound = binding(1, 2, 3)
    campaign = bound.trial_questions.get(position=1).question.campaign
    again = create_trial("Again", protocol=bound.protocol, by_user=rita)
    assert [question.position for question in eligible_questions(again, campaign)] == [4, 5, 6, 7, 8, 9]
    assert excluded_of(again, campaign) == 3
    with pytest.raises(UserError, match="7 wanted, 6 of"):
        sample_questions(again, campaign, 7, by_user=rita)
    client = Client()
    client.force_login(rita)
    address = reverse("evaluation:design", args=[again.pk])
    posted = {"do": "sample", "campaign": campaign.pk, "idempotency_key": str(uuid.uuid4())}
    page = client.post(address, posted, follow=True).content.decode()
    assert "6 questions joined. 3 of the campaign are about studies outside of the protocol" in page
    assert (
        "(6 studies): questions about other studies are left out; 0 of those here are outside of it." in page
    )
    page = client.get(reverse("evaluation:design", args=[bound.pk])).content.decode()
    assert "3 of those here are outside of it" in page


def test_a_cohort_of_another_site_is_refused_on_the_page_and_by_the_service(
    rita: User, site: Site, other_site: Site
) -> None:
    Membership.objects.create(user=rita, site=other_site, role="researcher")
    theirs = Cohort.objects.create(site=other_site, name="Theirs", by_user=rita)
    ours = Cohort.objects.create(site=site, name="Ours", by_user=rita)
    client = client_of(rita)
    refused = post(client, "protocol-new", **protocol_fields(site, cohort=theirs.pk))
    assert refused.status_code == 400
    assert "This cohort is of another hospital than the protocol." in refused.content.decode()
    with pytest.raises(UserError, match="of another site than the protocol"):
        create_protocol("Plan", site=site, by_user=rita, cohort=theirs)
    assert post(client, "protocol-new", **protocol_fields(site, cohort=ours.pk)).status_code == 302
    row = Protocol.objects.get()
    changed = protocol_fields(site, cohort=theirs.pk, version=row.version)
    assert post(client, "protocol-edit", row.pk, **changed).status_code == 400
    with pytest.raises(UserError, match="of another site than the protocol"):
        change_protocol(row, {"cohort": theirs}, by_user=rita, expected_version=row.version)
    # One of an earlier version that names such a cohort is not frozen.
    Protocol.objects.filter(pk=row.pk).update(cohort=theirs)
    with pytest.raises(UserError, match="of another site than the protocol"):
        freeze_protocol(row, by_user=rita)
    row.refresh_from_db()
    assert row.frozen_at is None


def test_a_protocols_cohort_binds_the_cases_of_a_reader_study(rita: User, june: User, site: Site) -> None:
    cohort = Cohort(name="Screening 2021", site=site, by_user=rita)
    everybody = Cohort(name="Everybody", site=site, by_user=rita)
    study = reading_scene.draft_study(rita, [june], 4)
    cases = list(study.cases.select_related("study").order_by("position"))
    write_cohort(cohort, [case.study_id for case in cases[:2]])
    write_cohort(everybody, [case.study_id for case in cases])
    bound = create_reader_study(
        "Bound",
        protocol=scene.frozen_protocol(rita, cohort=cohort),
        by_user=rita,
        checkpoint=study.checkpoint,
    )
    client = client_of(rita)
    refused = post(client, "reader-study-step", bound.pk, do="cases", cohort=everybody.pk)
    assert refused.status_code == 400
    said = unescape(refused.content.decode())
    assert "2 studies are outside of the protocol's cohort “Screening 2021”" in said
    assert str(cases[2].study_id) in said
    assert not bound.cases.exists()
    assert post(client, "reader-study-step", bound.pk, do="cases", cohort=cohort.pk).status_code == 302
    assert bound.cases.count() == 2
    # A draft of an earlier version that holds others is not frozen.
    ReaderStudyCase.objects.create(
        reader_study=bound, study=cases[3].study, laterality="L", truth=False, position=3
    )
    line = "1 case is of a study outside of the protocol's cohort “Screening 2021” (3): take it out."
    assert line in reader_study_obstacles(bound)
    assert line in unescape(client.get(reverse("evaluation:reader-study", args=[bound.pk])).content.decode())
    with pytest.raises(WrongStateError, match="outside of the protocol's cohort"):
        freeze_reader_study(bound, by_user=rita)
    assert (
        "Take out the cases outside of the cohort"
        in client.get(reverse("evaluation:reader-study", args=[bound.pk])).content.decode()
    )
    assert post(client, "reader-study-step", bound.pk, do="take-out").status_code == 302
    assert sorted(bound.cases.values_list("study", flat=True)) == sorted(
        cohort.studies.values_list("pk", flat=True)
    )
    assert line not in reader_study_obstacles(bound)
    assert AuditEvent.objects.filter(action="evaluation.cases_taken_out", details__count=1).count() == 1


def test_an_empty_cohort_lets_no_case_and_no_question_in(rita: User, june: User, site: Site) -> None:
    """In SQL nothing is outside of a list that holds NULL."""
    empty = Cohort(name="Nobody", site=site, by_user=rita)
    study = reading_scene.draft_study(rita, [june], 4)
    write_cohort(empty, [])
    Protocol.objects.filter(pk=study.protocol_id).update(cohort=empty)
    study.protocol.refresh_from_db()
    assert any("4 cases are of studies outside" in line for line in reader_study_obstacles(study))
