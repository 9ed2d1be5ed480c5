"""Home tells what stands still until somebody acts, to whoever can, with the way there; and no longer once it is done."""

import re

from django.test import Client
from django.urls import reverse

from annotation.models import Question
from annotation.services.questions import import_questions
from annotation.services.wordings import confirm_wordings
from evaluation.services.freezing import freeze_trial
from evaluation.services.raters import add_rater, consent
from evaluation.services.scoring import lock_trial, open_scoring
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from mammo.accounts.models import Site, User
from mammo.archive import storage
from mammo.archive.erasure import erase_patient, request_erasure
from mammo.archive.models import ImportBatch, ImportItem
from mammo.archive.quarantine import refuse
from tests.annotation import scene as annotation_scene
from tests.evaluation import scene

NOTICE = re.compile(r'<a id="notice-\d+" href="([^"]+)">([^<]+)</a>')
WAITING = re.compile(
    r'<h3><a href="([^"]+)">[^<]+</a></h3>\s*<p>[^<]*</p>\s*<p><span class="figure">(\d+)</span>'
)


def home_of(person: User) -> str:
    client = Client()
    client.force_login(person)
    return client.get("/").content.decode()


def told(person: User) -> dict[str, str]:
    """The lines of what needs a person on somebody's home, and where each leads: a page that opens."""
    lines = {text: address for address, text in NOTICE.findall(home_of(person))}
    client = Client()
    client.force_login(person)
    assert [address for address in lines.values() if client.get(address).status_code != 200] == []
    return lines


def waits(person: User, name: str) -> int:
    """How many things home says wait for somebody at a place."""
    return {address: int(count) for address, count in WAITING.findall(home_of(person))}.get(reverse(name), 0)


def test_questions_that_lack_proposals_are_told_until_they_have_them(
    rita: User, june: User, sena: User, otto: User
) -> None:
    campaign = annotation_scene.open_campaign_of(rita, [june], [sena], name="Spring")
    rows = [annotation_scene.plain_row("要复查吗？", 2), annotation_scene.plain_row("要紧吗？", 3)]
    import_questions(campaign, rows, by_user=None, table_name="questions.csv")
    assert told(rita) == {}, "their wordings wait for a data manager first"
    annotation_scene.confirm_all(campaign)
    assert told(rita) == {"Spring: 2 questions lack proposals": reverse("annotation:campaign-list")}
    assert told(otto) == told(june) == {}
    annotation_scene.propose(campaign, campaign.questions.all())
    assert told(rita) == {}


def test_a_trial_tells_what_it_waits_for_from_its_freezing_to_its_unblinding(
    rita: User, june: User, sena: User, otto: User, site: Site
) -> None:
    stan = scene.person(site, "Stan", "statistician")
    trial = scene.draft_trial(rita, scene.questions_of(rita, [june, sena], 1), june, name="First")
    scene.answer_all(trial, rita, june)
    add_rater(trial, sena, by_user=rita)
    # The campaign of its questions has a line of its own.
    other_lines = told(rita)

    def lines(person: User) -> dict[str, str]:
        return {text: at for text, at in told(person).items() if text not in other_lines}

    here = reverse("evaluation:trial", args=[trial.pk])
    freeze_trial(trial, by_user=rita)
    assert lines(rita) == {"First is frozen and waits to be opened to its raters": here}
    assert lines(stan) == {}, "who only analyses opens nothing"
    open_scoring(trial, by_user=rita)
    assert lines(rita) == {}
    for row in trial.raters.select_related("user"):
        consent(row, by_user=row.user)
    scene.score_all(trial)
    assert lines(rita) == {"First: every form is scored; the scores can be locked": here}
    lock_trial(trial, by_user=rita, reason="")
    trial.refresh_from_db()
    assert lines(rita) == lines(stan) == {}
    request_unblinding(trial, by_user=rita, reason="the analysis is done")
    assert lines(rita) == {}, "who asked can't confirm"
    assert lines(stan) == {"First: a second person has to confirm the unblinding": here}
    assert told(otto) == told(june) == {}
    confirm_unblinding(trial, by_user=stan)
    assert lines(stan) == {}


def test_files_in_quarantine_wait_each_content_once_until_they_are_decided(
    dana: User, rita: User, site: Site
) -> None:
    batch = ImportBatch.objects.create(site=site, kind="studies")
    files = [storage.store_original(text, site.key_id) for text in (b"one", b"other")]
    one, _same, other = (
        ImportItem.objects.create(
            batch=batch, source="/in/a.dcm", outcome="quarantined", reason="text", quarantine_file=file
        )
        for file in (files[0], files[0], files[1])
    )
    assert waits(dana, "archive:imports") == 2
    assert waits(rita, "archive:imports") == 0
    refuse(one, reason="shows her name", by_user=dana)
    assert waits(dana, "archive:imports") == 1
    refuse(other, reason="shows her name", by_user=dana)
    assert waits(dana, "archive:imports") == 0


def test_an_erasure_waits_for_a_second_person_until_it_is_confirmed(dana: User, site: Site) -> None:
    adam = scene.person(site, "Adam", "admin")
    patient = annotation_scene.patient_with_study(site).patient
    erasure = request_erasure(patient, reason="she withdrew", by_user=dana)
    assert waits(adam, "archive:erasures") == 1
    assert waits(dana, "archive:erasures") == 0, "who asked can't confirm"
    erase_patient(erasure, by_user=adam)
    assert waits(adam, "archive:erasures") == 0


def test_wordings_wait_until_a_data_manager_confirms_them(
    dana: User, rita: User, june: User, sena: User, site: Site
) -> None:
    campaign = annotation_scene.open_campaign_of(rita, [june], [sena])
    import_questions(
        campaign, [annotation_scene.plain_row("要复查吗？")], by_user=None, table_name="questions.csv"
    )
    assert waits(dana, "annotation:wordings") == 1
    confirm_wordings(site, dict(Question.objects.values_list("pk", "version")), by_user=dana)
    assert waits(dana, "annotation:wordings") == 0
