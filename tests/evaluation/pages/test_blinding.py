"""Nothing names an arm to a rater: canaries planted everywhere, every page crawled."""

import html
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from evaluation.models import Answer, Score, Slot, Trial
from evaluation.services.answers import record_human_answer
from evaluation.services.arms import add_human_arm, add_system_arm
from evaluation.services.drafts import add_practice_item
from evaluation.services.freezing import freeze_trial
from evaluation.services.raters import add_rater, consent
from evaluation.services.scoring import lock_trial, next_slot, open_scoring
from evaluation.services.trials import add_questions, create_trial
from mammo.accounts.models import User
from mammo.archive.models import Image
from mammo.jobs import services as jobs
from tests.evaluation import scene

CANARY = "kanarie7"
# Random text that the server makes anew: three letters of an arm's code stand in it by chance, once in some runs.
RANDOM = re.compile(
    r'(csrfmiddlewaretoken" value="|X-CSRFToken"?: ?"|(?:csrftoken|__Host-csrf|sessionid|__Host-session)=|nonce[-=]"?)'
    r"[A-Za-z0-9+/=_-]+"
)
PIXELS = ("image/", "application/dicom", "application/octet-stream")
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def body(response: HttpResponse) -> bytes:
    if response.streaming:
        return b"".join(response.streaming_content)
    return response.content


def everything(response: HttpResponse) -> str:
    """Status, headers, cookies and body as one text (HTML entities resolved)."""
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    text = html.unescape(body(response).decode("latin-1"))
    return RANDOM.sub(r"\1", f"{response.status_code}\n{headers}\n{response.cookies}\n{text}")


def told(secrets: set[str], response: HttpResponse) -> list[str]:
    """The secrets that a response holds; codes of three letters are looked for in text, not among pixels."""
    text = everything(response)
    is_pixels = response.headers.get("Content-Type", "").startswith(PIXELS)
    return [secret for secret in secrets if secret in text and not (is_pixels and len(secret) < 5)]


@pytest.fixture
def planted(rita: User, june: User, sena: User, sol: User, site: Any) -> Trial:
    """A trial whose arms, specs, codes, authors, answers' provenance and files all hold the canary."""
    return plant(rita, june, [sena, sol], site)


def plant(
    rita: User,
    june: User,
    raters: list[User],
    site: Any,
    count: int = 9,
    *,
    practice: int = 0,
    **settings: Any,
) -> Trial:
    """Such a trial of `count` questions, open for scoring; with practice answers where asked for."""
    author = scene.person(site, f"Author{CANARY}", "author")
    questions = scene.questions_of(rita, [june, *raters], count + practice)
    trial = create_trial(
        f"Trial of {CANARY}",
        protocol=scene.frozen_protocol(rita),
        by_user=rita,
        sitting_slots=5,
        seed=830719264501,
        **settings,
    )
    add_questions(trial, questions[:count], by_user=rita)
    for question in questions[count:]:
        add_practice_item(trial, question, "建议每年复查。", by_user=rita)
    for place in range(2):
        spec = {"kind": "mammovlm", "path": f"/models/{CANARY}-{place}", "name": CANARY}
        add_system_arm(trial, f"{CANARY} system {place}", by_user=rita, spec=spec)
    human = add_human_arm(trial, f"{CANARY} doctor", authors=[author], by_user=rita)
    for place, arm in enumerate(trial.arms.all()):
        arm.code = f"{CANARY[:7]}{place}"[:8]
        arm.save()
    from evaluation.services.answers import queue_answers

    job = queue_answers(trial, by_user=rita)
    claimed = jobs.claim(job.pk, f"worker {CANARY}")
    rows = scene.answer_rows(list(trial.arms.filter(kind="system")), trial)
    jobs.finish(
        claimed,
        [
            row | {"revision": CANARY, "finish_reason": CANARY, "raw": f"{CANARY} {row['raw']}"}
            for row in rows
        ],
    )
    for question in trial.trial_questions.all():
        record_human_answer(human, question, "密度为C类，请复查。", by_user=author)
    for rater in raters:
        add_rater(trial, rater, by_user=rita)
    freeze_trial(trial, by_user=rita)
    open_scoring(trial, by_user=rita)
    return trial


def addresses(text: str) -> set[str]:
    """Local addresses on a page, in a JSON or in headers."""
    found = re.findall(r'(?:href|src|action|data-src|hx-\w+)="(/[^"#?]*)', text)
    found += re.findall(r'"(/evaluation/[^"]+)"', text)
    # data-prefetch holds several.
    single = {one for address in found for one in address.split()}
    return {address for address in single if not address.startswith("/static/")}


def crawl(client: Client, start: str) -> Iterator[tuple[str, HttpResponse]]:
    waiting, seen = [start], set()
    while waiting:
        address = waiting.pop()
        if address in seen or "logout" in address:
            continue
        seen.add(address)
        response = client.get(address)
        yield address, response
        if not response.streaming:
            waiting += addresses(response.content.decode())
        if "Location" in response.headers:
            waiting.append(response.headers["Location"].partition("?")[0])


def form_data(slot: Slot, base: int = 70, **more: Any) -> dict[str, Any]:
    values = {f"value_{key}": str(value) for key, value in scene.values(base).items()}
    return values | {"idempotency_key": str(uuid.uuid4()), "active_seconds": "12.5"} | more


def score_through_pages(client: Client, trial: Trial, user: User, count: int) -> list[HttpResponse]:
    """Consent and score `count` forms as the browser does; every response on the way."""
    rater = trial.raters.get(user=user)
    answers = [client.post(reverse("evaluation:consent", args=[rater.pk]))]
    for _ in range(count):
        slot = next_slot(rater)
        answers.append(client.get(reverse("evaluation:form", args=[slot.pk])))
        answers.append(client.post(reverse("evaluation:save", args=[slot.pk]), form_data(slot)))
    return answers


def secrets_of(trial: Trial) -> set[str]:
    """Everything that would tell one arm from another."""
    found = {CANARY, CANARY[:7], str(trial.pk), trial.name, str(trial.seed), trial.design_sha256}
    for arm in trial.arms.all():
        found |= {str(arm.pk), arm.name, arm.code, str(arm.spec)}
    for pk, question, job, sha in Answer.objects.filter(arm__trial=trial).values_list(
        "pk", "question_id", "job_id", "shown_sha256"
    ):
        found |= {str(pk), str(question), str(job), sha}
    return found - {"None"}


@pytest.mark.slow
def test_a_crawl_as_rater_meets_no_canary_and_no_row_of_an_arm(planted: Trial, sena: User) -> None:
    client = Client()
    client.force_login(sena)
    responses = score_through_pages(client, planted, sena, 7)
    pages = [("scored", response) for response in responses]
    for start in ("/", "/evaluation/score/"):
        pages += list(crawl(client, start))
    kinds = {address.rsplit("/", 1)[-1].rsplit(".", 1)[-1] for address, _ in pages if "/score/" in address}
    assert {"json", "dcm", ""} <= kinds
    assert len(pages) > 60
    forbidden = secrets_of(planted)
    for address, response in pages:
        hits = [*told(forbidden, response), *(secret for secret in forbidden if secret in address)]
        assert not hits, (address, hits)


@pytest.mark.slow
def test_practice_breaks_and_guesses_meet_no_canary_either(
    rita: User, june: User, sena: User, sol: User, site: Any
) -> None:
    trial = plant(rita, june, [sena, sol], site, 7, practice=1, guesses=2, repeats=1)
    client = Client()
    client.force_login(sena)
    rater = trial.raters.get(user=sena)
    pages = [client.post(reverse("evaluation:consent", args=[rater.pk]))]
    practice = reverse("evaluation:practice", args=[rater.pk])
    values = {f"value_{key}": str(value) for key, value in scene.values(70).items()}
    pages += [client.get(practice), client.post(practice, values | {"idempotency_key": str(uuid.uuid4())})]
    assert "Practice: this answer is not part of the scoring" in pages[1].content.decode()
    while (slot := next_slot(rater)) is not None:
        pages.append(client.get(reverse("evaluation:form", args=[slot.pk])))
        more = {"unsafe": "on", "comment": "zu viel"} if slot.position == 1 else {}
        pages.append(client.post(reverse("evaluation:save", args=[slot.pk]), form_data(slot, **more)))
        if next_slot(rater) is not None:
            pages.append(client.get(reverse("evaluation:pause", args=[rater.pk])))
    address = reverse("evaluation:guess", args=[rater.pk])
    for _time in range(2):
        page = client.get(address)
        shown = re.search(r'name="slot" value="([^"]+)"', page.content.decode())
        assert shown is not None
        data = {"slot": shown.group(1), "guess": "ai", "idempotency_key": str(uuid.uuid4())}
        pages += [page, client.post(address, data)]
    assert client.get(address).status_code == 302
    assert Score.objects.filter(slot__rater=rater).count() == 5 * 22
    forbidden = secrets_of(trial)
    for response in pages:
        hits = told(forbidden, response)
        assert not hits, hits


def test_the_next_forms_images_can_be_fetched_early_but_not_its_text(planted: Trial, sena: User) -> None:
    client = Client()
    client.force_login(sena)
    score_through_pages(client, planted, sena, 0)
    slots = list(planted.raters.get(user=sena).slots.order_by("position")[:3])
    page = client.get(reverse("evaluation:form", args=[slots[0].pk])).content.decode()
    found = re.search(r'data-prefetch="([^"]+)"', page)
    assert found is not None
    ahead = found.group(1).split()
    assert ahead == [reverse("evaluation:form-image", args=[slots[1].pk, n]) for n in range(1, 5)]
    first = client.get(ahead[0])
    assert first.status_code == 200
    again = client.get(ahead[0], headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert client.get(reverse("evaluation:form", args=[slots[1].pk])).status_code == 404
    assert client.get(reverse("evaluation:form-image", args=[slots[2].pk, 1])).status_code == 404


def test_no_page_of_a_rater_carries_a_time_an_etag_or_a_file_name(planted: Trial, sena: User) -> None:
    client = Client()
    client.force_login(sena)
    score_through_pages(client, planted, sena, 2)
    for address, response in crawl(client, "/evaluation/score/"):
        if "/evaluation/score/" not in address:
            continue
        # Of an image the tag is the form's own: the file's hash would tell which forms show one study.
        hashes = [image.viewing_copy_sha256 for image in Image.objects.all()]
        assert not any(name in response.headers.get("ETag", "") for name in hashes)
        assert ("ETag" in response.headers) == address.endswith(".dcm")
        assert "Last-Modified" not in response.headers
        assert "filename" not in response.headers.get("Content-Disposition", "")
        if not address.endswith(".dcm"):
            assert "no-store" in response.headers["Cache-Control"]
        for name in re.findall(UUID, address):
            assert uuid.UUID(name).version == 4


def test_the_viewer_gets_names_that_belong_to_the_form_alone(planted: Trial, sena: User) -> None:
    client = Client()
    client.force_login(sena)
    score_through_pages(client, planted, sena, 1)
    slot = next_slot(planted.raters.get(user=sena))
    described = client.get(reverse("evaluation:form-viewer", args=[slot.pk])).json()
    question = slot.answer.question.question
    assert described["study"] == str(slot.pk)
    assert len(described["images"]) == 4
    text = str(described)
    assert str(question.study_id) not in text
    assert not any(str(image.pk) in text for image in question.study.images.all())
    image = client.get(described["images"][0]["url"])
    assert image.status_code == 200
    assert body(image)[128:132] == b"DICM"


def ask_for(client: Client, name: str, pk: uuid.UUID) -> tuple[int, str]:
    """Status and body, without the address itself, and without the token and the seconds left, which change."""
    address = reverse(f"evaluation:{name}", args=[pk, 1] if name == "form-image" else [pk])
    data = {f"value_{key}": "50" for key in scene.ASPECTS} | {"idempotency_key": str(uuid.uuid4())}
    response = client.post(address, data) if name == "save" else client.get(address)
    text = html.unescape(response.content.decode()).replace(str(pk), "")
    return response.status_code, re.sub(
        r'"X-CSRFToken":\s*"\w+"|value="\w{64}"|data-session-seconds="\d+"', "", text
    )


def test_other_raters_forms_and_unknown_ones_get_the_same_answer(
    planted: Trial, sena: User, sol: User, rita: User, june: User
) -> None:
    for rater in planted.raters.select_related("user"):
        consent(rater, by_user=rater.user)
    theirs = next_slot(planted.raters.get(user=sol))
    later = planted.raters.get(user=sena).slots.get(position=9)
    for user in (sena, rita, june):
        client = Client()
        client.force_login(user)
        for name in ("form", "form-viewer", "form-image", "save"):
            answers = [ask_for(client, name, pk) for pk in (uuid.uuid4(), theirs.pk, later.pk)]
            assert [status for status, _ in answers] == [404, 404, 404]
            assert len({text for _, text in answers}) == 1, (user, name)
    assert not Score.objects.exists()


def test_trial_pages_are_unknown_to_raters_juniors_and_strangers(
    planted: Trial, sena: User, june: User, otto: User, rita: User
) -> None:
    pages = ["trial", "answer", "screen-rule", "freeze", "open", "lock", "unblind"]
    for user in (sena, june, otto):
        client = Client()
        client.force_login(user)
        for name in pages:
            address = reverse(f"evaluation:{name}", args=[planted.pk])
            answer = (
                client.get(address)
                if name == "trial"
                else client.post(address, {"idempotency_key": str(uuid.uuid4())})
            )
            assert answer.status_code == 404, (user, name)
        assert client.get(reverse("evaluation:table", args=[planted.pk, 1, "csv"])).status_code == 404
        assert CANARY not in client.get(reverse("evaluation:trials")).content.decode()
    client = Client()
    client.force_login(rita)
    assert client.get(reverse("evaluation:trial", args=[planted.pk])).status_code == 200


def test_a_locked_trial_shows_a_rater_nothing(planted: Trial, sena: User, rita: User) -> None:
    client = Client()
    client.force_login(sena)
    score_through_pages(client, planted, sena, 1)
    slot = planted.raters.get(user=sena).slots.first()
    lock_trial(planted, by_user=rita, reason="the end")
    assert client.get(reverse("evaluation:form", args=[slot.pk])).status_code == 404
    page = client.get(reverse("evaluation:scoring")).content.decode()
    assert "No scoring is open for you." in page


def test_a_bad_value_keeps_what_was_typed_and_names_no_arm(planted: Trial, sena: User) -> None:
    client = Client()
    client.force_login(sena)
    score_through_pages(client, planted, sena, 0)
    slot = next_slot(planted.raters.get(user=sena))
    for bad in ("101", "", "seven", "7.5", "９"):
        data = form_data(slot, value_helpfulness=bad)
        response = client.post(reverse("evaluation:save", args=[slot.pk]), data)
        text = response.content.decode()
        assert response.status_code == 400
        assert 'value="70"' in text
        assert CANARY not in text
        assert "helpfulness" in text
    assert not Score.objects.exists()


def test_a_form_sent_twice_counts_once(planted: Trial, sena: User) -> None:
    client = Client()
    client.force_login(sena)
    score_through_pages(client, planted, sena, 0)
    slot = next_slot(planted.raters.get(user=sena))
    data = form_data(slot)
    first = client.post(reverse("evaluation:save", args=[slot.pk]), data)
    again = client.post(reverse("evaluation:save", args=[slot.pk]), data)
    assert first.status_code == again.status_code == 302
    assert first.headers["Location"] == again.headers["Location"]
    assert Score.objects.count() == 5


def test_pages_speak_chinese(planted: Trial, sena: User) -> None:
    client = Client()
    client.force_login(sena)
    client.cookies["django_language"] = "zh-hans"
    score_through_pages(client, planted, sena, 1)
    slot = next_slot(planted.raters.get(user=sena))
    text = client.get(reverse("evaluation:form", args=[slot.pk])).content.decode()
    assert "正确性" in text
    assert "保存" in text
    for english in ("Save and next", "The patient asks", "Correctness"):
        assert english not in text
