"""Proposals: asked for once, stored once, with their provenance."""

import json

import pytest
from django.core.management import call_command
from django.utils import translation

from annotation.models import Campaign, Proposal, Question
from annotation.services import proposals
from annotation.services.campaigns import change_proposer, close_campaign, create_campaign
from annotation.services.corrections import CorrectionItem, submit_corrections
from annotation.services.wordings import correct_wording
from annotation.statistics import progress
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.jobs import services as jobs
from mammo.jobs.models import Job
from tests.annotation import scene


def test_proposals_carry_their_provenance(campaign: Campaign) -> None:
    (question,) = scene.ask(campaign)
    scene.propose(campaign, [question])
    assert question.stage == Question.Stage.PROPOSED
    found = list(Proposal.objects.current(question))
    assert [p.text for p in found] == list(scene.ANSWERS)
    first = found[0]
    assert (first.system, first.system_kind, first.revision) == ("tiny GLM", "transformers", "b" * 64)
    assert (first.seed, first.prompt_sha256, first.context) == (1000, "a" * 64, "none")
    assert first.parameters == {"temperature": 0.9, "most_draws": 12, "draws": 1}
    assert first.raw.endswith("<|user|>")


def test_control_characters_of_a_model_stay_in_its_raw_answer(campaign: Campaign, june: User) -> None:
    (question,) = scene.ask(campaign)
    scene.propose(
        campaign, [question], ("\x00密度\x1b为C类。\r\n\x07", "\x85第二个。\x7f", "\u3000第三个。\r")
    )
    rows = list(Proposal.objects.current(question))
    assert [row.text for row in rows] == ["密度为C类。", "第二个。", "第三个。"]
    assert str(rows[0].raw).startswith("\x00密度\x1b为C类。")
    unchanged = [CorrectionItem(proposal=row.pk, text=row.text, no_change=True) for row in rows]
    submit_corrections(question, by_user=june, items=unchanged)


def test_control_characters_alone_are_no_answer(campaign: Campaign) -> None:
    (question,) = scene.ask(campaign)
    scene.propose(campaign, [question], ("一。", "二。", "\x00\x1b"))
    assert question.stage == Question.Stage.NEW
    assert not Proposal.objects.exists()


def test_asking_twice_gives_one_job(campaign: Campaign) -> None:
    scene.ask(campaign)
    first = proposals.queue_proposals(campaign, by_user=None)
    assert proposals.queue_proposals(campaign, by_user=None) == first
    assert Job.objects.count() == 1


def test_nothing_to_do_gives_no_job(campaign: Campaign, question: Question) -> None:
    assert proposals.queue_proposals(campaign, by_user=None) is None


def test_storing_an_answer_file_twice_changes_nothing(campaign: Campaign) -> None:
    (question,) = scene.ask(campaign)
    job = scene.propose(campaign, [question])
    counts = proposals.ingest(job, scene.answer_rows(question, ("x", "y", "z")))
    assert counts == {
        "questions": 0,
        "proposals": 0,
        "skipped": 1,
        "reworded": 0,
        "incomplete": 0,
        "unanswered": {},
    }
    assert [p.text for p in Proposal.objects.current(question)] == list(scene.ANSWERS)


def test_too_few_answers_leave_the_question_waiting(campaign: Campaign) -> None:
    (question,) = scene.ask(campaign)
    job = proposals.queue_proposals(campaign, by_user=None)
    assert job is not None
    counts = proposals.ingest(job, scene.answer_rows(question)[:2])
    question.refresh_from_db()
    assert counts["incomplete"] == 1
    assert question.stage == Question.Stage.NEW
    assert not Proposal.objects.exists()


def test_an_answer_that_could_not_be_made_distinct_is_stored_as_such(campaign: Campaign) -> None:
    (question,) = scene.ask(campaign)
    job = proposals.queue_proposals(campaign, by_user=None)
    assert job is not None
    first, second, third = scene.answer_rows(question)
    proposals.ingest(job, [first, second, {**third, "text": first["text"], "distinct": False}])
    stored = Proposal.objects.current(question).values_list("index", "is_distinct")
    assert dict(stored) == {0: True, 1: True, 2: False}


def test_an_answer_to_another_campaigns_question_is_refused(
    campaign: Campaign, rita: User, june: User, sena: User
) -> None:
    scene.ask(campaign)
    other = scene.open_campaign_of(rita, [june], [sena], name="Autumn")
    (stranger,) = scene.ask(other)
    job = proposals.queue_proposals(campaign, by_user=None)
    assert job is not None
    with pytest.raises(UserError, match="is not of campaign"):
        proposals.ingest(job, scene.answer_rows(stranger))


@pytest.mark.parametrize(
    ("context", "told", "untold"),
    [
        ("none", "", "52"),
        ("fields", "年龄：52\n乳腺密度：C\n左乳BI-RADS：2\n右乳BI-RADS：4A", "结节"),
        ("blanked", "右乳结节，[BI-RADS]，建议活检。", "4A"),
        ("full", "右乳结节，BI-RADS 4A类，建议活检。", "张三"),
        ("images", "", "结节"),
    ],
)
def test_the_proposer_reads_what_the_campaign_says(
    rita: User, june: User, sena: User, study: object, context: str, told: str, untold: str
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena])
    proposer = {"kind": "mammovlm" if context == "images" else "transformers", "path": "/models/tiny"}
    change_proposer(campaign, by_user=rita, proposer=proposer, proposer_context=context)
    scene.ask(campaign)
    job = proposals.queue_proposals(campaign, by_user=None)
    assert job is not None
    (asked,) = proposals.build_request(job)["questions"]
    assert asked["context"] == told
    assert untold not in asked["context"]
    slots = [image["laterality"] + image["view"] for image in asked["images"]]
    assert slots == (["RCC", "LCC", "RMLO", "LMLO"] if context == "images" else [])


def test_the_request_names_system_number_parameters_and_seed(campaign: Campaign, rita: User) -> None:
    parameters = {"temperature": 0.7, "top_p": 0.8, "max_new_tokens": 99, "most_draws": 4}
    change_proposer(campaign, by_user=rita, proposer=campaign.proposer, parameters=parameters)
    scene.ask(campaign)
    job = proposals.queue_proposals(campaign, by_user=None)
    assert job is not None
    request = proposals.build_request(job)
    assert request["parameters"] == {"temperature": 0.7, "top_p": 0.8, "max_new_tokens": 99}
    assert request["most_draws"] == 4
    with pytest.raises(WrongStateError, match="Proposals are being made"):
        change_proposer(campaign, by_user=rita, proposer=campaign.proposer)
    assert request["systems"] == [
        {
            "key": "proposer",
            "spec": {"kind": "transformers", "path": "/models/tiny-glm", "pass_over_refused": True},
        }
    ]
    assert (request["n"], request["seed"], request["distinct"]) == (3, 7, True)


def test_only_researchers_ask_and_not_for_a_closed_campaign(
    campaign: Campaign, june: User, rita: User
) -> None:
    scene.ask(campaign)
    with pytest.raises(NotAllowedError):
        proposals.queue_proposals(campaign, by_user=june)
    close_campaign(campaign, by_user=rita)
    with pytest.raises(WrongStateError):
        proposals.queue_proposals(campaign, by_user=rita)


def test_the_command_says_what_is_lacking(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    scene.ask(campaign)
    call_command("propose", "Spring", json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["lacking"] == 1
    assert said["job"] == str(Job.objects.get().pk)


def test_a_job_is_called_in_the_language_of_who_reads(campaign: Campaign) -> None:
    scene.ask(campaign)
    with translation.override("zh-hans"):
        job = proposals.queue_proposals(campaign, by_user=None)
    assert job is not None
    with translation.override("en"):
        assert job.said_title == "Proposals for 1 questions of Spring"
    with translation.override("zh-hans"):
        assert job.said_title != "Proposals for 1 questions of Spring"
        assert "Spring" in job.said_title


def refused_rows(question: Question) -> list[dict[str, object]]:
    """What the answering module writes of a question that the endpoint refused."""
    return [row | {"text": "", "raw": "", "finish_reason": "refused"} for row in scene.answer_rows(question)]


def test_a_refused_question_is_named_and_the_others_get_their_proposals(campaign: Campaign) -> None:
    first, second = scene.ask(campaign, scene.plain_row("一？", 2), scene.plain_row("二？", 3))
    job = proposals.queue_proposals(campaign, by_user=None)
    assert job is not None
    assert proposals.build_request(job)["systems"][0]["spec"]["pass_over_refused"] is True
    claimed = jobs.claim(job.pk, "test worker")
    assert claimed is not None
    jobs.finish(claimed, [*refused_rows(first), *scene.answer_rows(second)])
    job.refresh_from_db()
    assert (job.result["questions"], job.result["incomplete"]) == (1, 1)
    assert job.result["unanswered"] == {str(first.pk): "refused"}
    assert [(one.question, one.reasons) for one in progress.stuck(campaign)] == [(first, ("unanswered",))]
    assert not Job.objects.filter(state="queued").exists()


def test_many_questions_are_asked_in_several_jobs_and_none_twice(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposals, "MOST_AT_ONCE", 2)
    questions = scene.ask(campaign, *[scene.plain_row(f"第{n}？", n + 2) for n in range(5)])
    proposals.queue_proposals(campaign, by_user=None)
    asked: list[list[str]] = []
    while job := Job.objects.filter(state="queued").first():
        claimed = jobs.claim(job.pk, "test worker")
        assert claimed is not None
        ids = [row["id"] for row in proposals.build_request(claimed)["questions"]]
        asked.append(ids)
        rows = [
            (refused_rows if ids[0] == pk else scene.answer_rows)(Question.objects.get(pk=pk)) for pk in ids
        ]
        jobs.finish(claimed, [row for given in rows for row in given])
    keys = [str(question.pk) for question in questions]
    assert asked == [keys[:2], keys[2:4], keys[4:]]
    assert Proposal.objects.count() == 2 * 3


def test_a_command_that_waits_does_so_for_every_job(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(proposals, "MOST_AT_ONCE", 2)
    scene.ask(campaign, *[scene.plain_row(f"第{n}？", n + 2) for n in range(5)])

    def worked_off(job: Job) -> Job:
        """In place of a worker: the job is done while the command waits for it."""
        claimed = jobs.claim(job.pk, "test worker")
        assert claimed is not None
        asked = [row["id"] for row in proposals.build_request(claimed)["questions"]]
        given = [scene.answer_rows(Question.objects.get(pk=pk)) for pk in asked]
        return jobs.finish(claimed, [row for rows in given for row in rows])

    monkeypatch.setattr(jobs, "wait", worked_off)
    call_command("propose", "Spring", wait=True, json=True)
    assert json.loads(capsys.readouterr().out)["lacking"] == 0
    assert Proposal.objects.count() == 5 * 3


@pytest.mark.parametrize(
    ("context", "has_study", "images", "recorded"),
    [
        ("full", True, 0, "full"),
        ("full", False, 0, "none"),
        ("images", True, 4, "images"),
        ("images", True, 0, "none"),
        ("images", False, 0, "none"),
    ],
)
def test_a_proposal_records_what_its_proposer_really_had(
    campaign: Campaign, rita: User, context: str, has_study: bool, images: int, recorded: str
) -> None:
    proposer = {"kind": "mammovlm", "path": "/models/tiny"}
    change_proposer(campaign, by_user=rita, proposer=proposer, proposer_context=context)
    (question,) = scene.ask(campaign, scene.row() if has_study else scene.plain_row("什么是钙化？"))
    job = proposals.queue_proposals(campaign, by_user=None)
    assert job is not None
    proposals.ingest(job, [row | {"images": images} for row in scene.answer_rows(question)])
    assert set(Proposal.objects.values_list("context", flat=True)) == {recorded}


@pytest.mark.parametrize(
    "proposer",
    [
        {"kind": "transformers", "path": "/models/tiny"},
        {"kind": "openai", "base_url": "http://127.0.0.1:1/v1", "model": "m"},
        {
            "kind": "openai",
            "base_url": "http://127.0.0.1:1/v1",
            "model": "m",
            "capabilities": {"image_mode": "none"},
        },
    ],
)
def test_mammograms_go_to_no_proposer_that_reads_none(
    campaign: Campaign, rita: User, proposer: dict[str, object]
) -> None:
    with pytest.raises(UserError, match="proposer_context"):
        change_proposer(campaign, by_user=rita, proposer=proposer, proposer_context="images")
    with pytest.raises(UserError, match="proposer_context"):
        create_campaign(
            "Images", site=campaign.site, by_user=rita, proposer=proposer, proposer_context="images"
        )
    scene.ask(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(proposer=proposer, proposer_context="images")
    campaign.refresh_from_db()
    with pytest.raises(UserError, match="proposer_context"):
        proposals.queue_proposals(campaign, by_user=None)


def test_answers_to_a_wording_that_was_mended_meanwhile_are_not_stored(
    campaign: Campaign, dana: User
) -> None:
    mended, same = scene.ask(campaign, scene.plain_row("张三要复查吗？"), scene.plain_row("密度是什么？", 3))
    job = proposals.queue_proposals(campaign, by_user=None)
    assert job is not None
    claimed = jobs.claim(job.pk, "test worker")
    assert claimed is not None
    proposals.build_request(claimed)
    correct_wording(mended, ["我要复查吗？"], expected_version=mended.version, by_user=dana)
    # Read once more, without a change: the answers are to this wording.
    same.refresh_from_db()
    correct_wording(same, list(same.turns), expected_version=same.version, by_user=dana)
    jobs.finish(claimed, [row for question in (mended, same) for row in scene.answer_rows(question)])
    mended.refresh_from_db()
    assert (mended.stage, Proposal.objects.filter(question=mended).count()) == (Question.Stage.NEW, 0)
    job.refresh_from_db()
    assert (job.result["questions"], job.result["reworded"]) == (1, 1)
    scene.propose(campaign, [mended])  # asked again, of the wording that stands
    assert mended.stage == Question.Stage.PROPOSED
