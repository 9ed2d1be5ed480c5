"""The patient's earlier study hangs beside the present one where the frozen design says so, and nowhere else."""

from typing import Any

from django.test import Client
from django.urls import reverse

from evaluation.models import ReaderStudy, Trial
from evaluation.services.drafts import change_trial
from evaluation.services.freezing import design_document, design_hash
from evaluation.services.reader_studies import add_cases, freeze_reader_study, open_reading, reader_study_hash
from evaluation.services.readings import consent_to_read, next_reading
from evaluation.services.scoring import next_slot
from mammo.accounts.models import User
from mammo.archive.models import Study
from tests.evaluation import reading_scene, scene


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def shown(client: Client, name: str, row: Any, earlier: Study) -> dict[str, Any]:
    """What the viewer is told; it names no row of the archive, and its pictures come."""
    answer = client.get(reverse(f"evaluation:{name}", args=[row.pk]))
    text = answer.content.decode()
    for study in (earlier, *Study.objects.filter(patient=earlier.patient)):
        assert str(study.pk) not in text
        assert not any(str(image.pk) in text for image in study.images.all())
    told: dict[str, Any] = answer.json()
    both = [*told["images"], *(told["earlier"] or {"images": []})["images"]]
    assert [image["uid"] for image in both] == [f"{row.pk}-{number}" for number in range(1, len(both) + 1)]
    tags = set()
    for image in both:
        picture = client.get(image["url"])
        assert picture.status_code == 200
        tags.add(picture["ETag"])
    assert len(tags) == len(both)
    past = both[-1]["url"].replace(f"/{len(both)}.dcm", f"/{len(both) + 1}.dcm")
    assert client.get(past).status_code == 404
    return told


def test_raters_and_authors_see_the_study_that_was_fixed_in_the_design(
    rita: User, june: User, sena: User, sol: User
) -> None:
    questions = scene.questions_of(rita, [june, sena, sol], 2)
    befores = {question.study_id: scene.earlier_of(question.study) for question in questions}
    trial = scene.draft_trial(rita, questions, june)
    asked = trial.trial_questions.order_by("position")[0]
    before = befores[asked.question.study_id]
    author = client_of(june)
    assert shown(author, "write-viewer", asked, before)["earlier"] is None
    assert asked.earlier is None
    changed = change_trial(trial, {"show_earlier": True}, by_user=rita, expected_version=trial.version)
    told = shown(author, "write-viewer", asked, before)
    assert (len(told["earlier"]["images"]), told["earlier"]["months"]) == (4, 12)

    scene.answer_all(changed, rita, june)
    opened = scene.opened(changed, rita, [sena, sol])
    slot = next_slot(opened.raters.get(user=sena))
    assert slot is not None
    hers = befores[slot.answer.question.question.study_id]
    # What comes in later, between the two, moves nothing of a frozen design.
    scene.earlier_of(slot.answer.question.question.study, days=30)
    told = shown(client_of(sena), "form-viewer", slot, hers)
    assert (len(told["images"]), len(told["earlier"]["images"]), told["earlier"]["months"]) == (4, 4, 12)
    document = design_document(opened)
    assert document["further"]["show_earlier"] is True
    assert sorted(key for _, key in document["earlier"]) == sorted(str(row.pk) for row in befores.values())
    assert design_hash(opened) == Trial.objects.get(pk=trial.pk).design_sha256
    page = client_of(rita).get(reverse("evaluation:trial", args=[trial.pk])).content.decode()
    assert "shown to raters and to doctors who answer" in page


def test_without_the_setting_nothing_of_it_is_shown_nor_in_the_hash(trial: Trial, sena: User) -> None:
    slot = next_slot(trial.raters.get(user=sena))
    assert slot is not None
    before = scene.earlier_of(slot.answer.question.question.study)
    assert shown(client_of(sena), "form-viewer", slot, before)["earlier"] is None
    document = design_document(trial)
    assert "earlier" not in document
    assert "show_earlier" not in document.get("further", {})


def test_readers_see_it_where_their_study_says_so(rita: User, june: User, sena: User) -> None:
    study = reading_scene.draft_study(rita, [june, sena], count=0, show_earlier=True)
    checkpoint = study.checkpoint
    assert checkpoint is not None
    cases = reading_scene.proven_studies(study.site, checkpoint, 4, "E")
    befores = {case.pk: scene.earlier_of(case) for case in cases}
    add_cases(study, cases, by_user=rita)
    freeze_reader_study(study, by_user=rita)
    open_reading(study, by_user=rita)
    reader = study.readers.get(user=june)
    consent_to_read(reader, by_user=june)
    slot = next_reading(reader)
    assert slot is not None
    told = shown(client_of(june), "read-viewer", slot, befores[slot.case.study_id])
    assert (len(told["images"]), len(told["earlier"]["images"])) == (4, 4)
    frozen = ReaderStudy.objects.get(pk=study.pk)
    assert reader_study_hash(frozen) == frozen.design_sha256
    slot.case.earlier = None
    slot.case.save()
    assert reader_study_hash(frozen) != frozen.design_sha256
    assert (
        "the earlier study beside it"
        in client_of(rita).get(reverse("evaluation:reader-study", args=[study.pk])).content.decode()
    )
