"""A rater who is a researcher, statistician or admin too stays blind in the trials they rate, and works in others."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from evaluation.models import DataExport, Trial
from evaluation.services.exports import ask_export, decide_export, require_open_export
from evaluation.services.scoring import lock_trial
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from mammo.accounts.models import User
from mammo.accounts.services import grant_role
from mammo.core.errors import NotAllowedError
from tests.evaluation import scene
from tests.evaluation.pages.test_blinding import crawl, plant, score_through_pages, secrets_of, told
from tests.evaluation.pages.test_designing import client_of, post


@pytest.mark.slow
@pytest.mark.parametrize("role", ["researcher", "statistician", "admin"])
def test_a_crawl_with_another_role_meets_no_canary_either(
    rita: User, june: User, sena: User, sol: User, site: Any, role: str
) -> None:
    planted = plant(rita, june, [sena, sol], site)
    grant_role(sena, role, site, by_user=None)
    client = client_of(sena)
    pages = [("scored", response) for response in score_through_pages(client, planted, sena, 2)]
    pages += list(crawl(client, "/"))
    visited = {address for address, _ in pages}
    assert {
        "/evaluation/",
        "/evaluation/tables/",
        "/evaluation/exports/",
        "/evaluation/protocols/",
    } <= visited
    # A job's page counts answers and its id is on no form; administrators read the names of accounts.
    jobs = {str(arm.answers.get(question__position=1).job_id) for arm in planted.arms.all()}
    forbidden = secrets_of(planted) - jobs
    for address, response in pages:
        if address.startswith("/accounts/"):
            continue
        hits = [*told(forbidden, response), *(secret for secret in forbidden if secret in address)]
        assert not hits, (address, hits)


def test_whoever_is_made_a_rater_loses_the_design_of_that_trial_alone(
    rita: User, sena: User, june: User, site: Any
) -> None:
    grant_role(sena, "researcher", site, by_user=None)
    questions = scene.questions_of(rita, [june, sena])
    trial = scene.draft_trial(rita, questions, june)
    other = scene.draft_trial(rita, questions, june, name="Other trial")
    client = client_of(sena)

    def statuses(row: Trial) -> list[int]:
        pages = [("trial", row.pk), ("design", row.pk), ("protocol", row.protocol_id)]
        return [client.get(reverse(f"evaluation:{name}", args=[pk])).status_code for name, pk in pages]

    # Before raters are named a designer designs, whoever they are.
    assert statuses(trial) == [200, 200, 200]
    named = post(client, "design", trial.pk, do="rater", people=[str(sena.pk)])
    assert named.status_code == 302
    page = client.get(named.headers["Location"])
    assert page.status_code == 200
    assert "You rate in this trial" in page.content.decode()
    assert statuses(trial) == [404, 404, 404]
    assert statuses(other) == [200, 200, 200]
    assert post(client, "design", trial.pk, do="human", name="x").status_code == 404
    added = post(client, "design", other.pk, do="rater", people=[])
    assert added.headers["Location"] == reverse("evaluation:design", args=[other.pk])
    listed = client.get(reverse("evaluation:trials")).content.decode()
    assert str(other.pk) in listed
    assert str(trial.pk) not in listed
    made = client.get(reverse("evaluation:trial-new")).content.decode()
    assert str(other.protocol_id) in made
    assert str(trial.protocol_id) not in made
    # The other designer still has both.
    assert client_of(rita).get(reverse("evaluation:design", args=[trial.pk])).status_code == 200


def test_after_the_unblinding_they_meet_the_trial_as_everyone_does(
    trial: Trial, rita: User, stan: User, sena: User, site: Any
) -> None:
    grant_role(sena, "statistician", site, by_user=None)
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    client = client_of(sena)
    table, page = (
        reverse("evaluation:table-page", args=[trial.pk, 1]),
        reverse("evaluation:trial", args=[trial.pk]),
    )
    assert [client.get(table).status_code, client.get(page).status_code] == [404, 404]
    request_unblinding(trial, by_user=rita, reason="analysis is done")
    confirm_unblinding(trial, by_user=stan)
    assert [client.get(table).status_code, client.get(page).status_code] == [200, 200]


def test_raw_data_of_a_trial_reach_its_raters_after_the_unblinding_alone(
    trial: Trial, rita: User, stan: User, sena: User, site: Any
) -> None:
    grant_role(sena, "researcher", site, by_user=None)
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    day = timezone.localdate() + timedelta(days=7)
    with pytest.raises(NotAllowedError, match="after the unblinding"):
        ask_export(trial, by_user=sena, reason="curious", expires_on=day)
    ask_export(trial, by_user=rita, reason="analysis", expires_on=day)
    assert trial.name not in client_of(sena).get(reverse("evaluation:exports")).content.decode()
    assert "waits for a second person" not in client_of(sena).get("/").content.decode()
    # A request that she made by another way stays shut.
    row = ask_export(trial, by_user=stan, reason="analysis", expires_on=day)
    DataExport.objects.filter(pk=row.pk).update(asked_by=sena)
    decide_export(row, "approved", by_user=rita)
    with pytest.raises(NotAllowedError, match="after the unblinding"):
        require_open_export(DataExport.objects.get(pk=row.pk), by_user=sena)
    request_unblinding(trial, by_user=rita, reason="analysis is done")
    confirm_unblinding(trial, by_user=stan)
    assert trial.name in client_of(sena).get(reverse("evaluation:exports")).content.decode()
