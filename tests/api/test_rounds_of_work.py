"""A program that says which round it was shown writes nothing into the next one; one that does not is heard."""

from annotation.models import Comment, Correction, Draft, Pick, Proposal, Question
from annotation.services.picks import return_to_juniors
from mammo.accounts.models import User
from tests.annotation import scene
from tests.api.conftest import Caller
from tests.api.test_annotation_work import V1, post


def test_work_on_a_round_that_was_sent_back_is_answered_with_what_stands(
    rita: User, june: User, sena: User, sol: User, caller: Caller
) -> None:
    (question,) = scene.proposed(scene.open_campaign_of(rita, [june], [sena, sol]), 1)
    scene.settle(question, june)
    at, mine = f"questions/{question.pk}", caller(june)
    was = caller(sol).get(f"{V1}/{at}/pick/").json()
    assert was["question"]["round"] == 1
    return_to_juniors(question, by_user=sena, reason="再改")
    items = [{"proposal": str(row.pk), "text": row.text, "no_change": True} for row in Proposal.objects.all()]
    stale = post(mine, f"{at}/correct", {"items": items, "revision": 0, "round": 1})
    assert (stale.status_code, stale.json()["code"], stale.json()["version"]) == (409, "stale_version", 2)
    assert len(stale.json()["current"]["corrections"]) == 3
    drafted = {"version": 0, "items": {}}
    assert post(mine, f"{at}/correct/draft", drafted | {"round": 1}).status_code == 409
    assert not Draft.objects.exists()
    assert post(mine, f"{at}/correct/draft", drafted | {"round": 2}).status_code == 200
    assert "shown_round" not in Draft.objects.get().content
    question.refresh_from_db()
    assert post(mine, f"{at}/correct", {"items": items, "revision": 0}).status_code == 201
    chosen, senior = str(Correction.objects.candidates(question)[0].pk), caller(sol)
    none = {"reason": "都漏了", "reason_codes": ["incomplete"]}
    bodies = {"pick": {"correction": chosen}, "pick/return": none, "pick/write": none | {"text": "请复查。"}}
    for path, body in bodies.items():
        assert post(senior, f"{at}/{path}", body | {"round": 1}).status_code == 409, path
    assert post(senior, f"{at}/pick/draft", {"version": 0, "round": 1}).status_code == 409
    assert not Pick.objects.exists()
    assert post(senior, f"{at}/pick", {"correction": chosen, "round": 2}).status_code == 201
    assert Question.objects.get().stage == Question.Stage.PICKED


def test_what_was_sent_back_goes_in_again_untouched_only_with_a_reason(
    rita: User, june: User, sena: User, caller: Caller
) -> None:
    (question,) = scene.proposed(scene.open_campaign_of(rita, [june], [sena]), 1)
    scene.settle(question, june)
    return_to_juniors(question, by_user=sena, reason="再改", reason_codes=["unsafe"])
    at, mine = f"questions/{question.pk}", caller(june)
    task = mine.get(f"{V1}/{at}/correct/").json()
    assert task["returns"][0]["reason_codes"] == ["unsafe"]
    items = [{key: one[key] for key in ("proposal", "text", "no_change")} for one in task["items"]]
    body = {"items": items, "revision": 0, "round": 2}
    for because in ({}, {"stands_because": " "}):
        refused = post(mine, f"{at}/correct", body | because)
        assert (refused.status_code, "stands_because" in refused.content.decode()) == (400, True)
    assert not Correction.objects.filter(round=2).exists()
    assert post(mine, f"{at}/correct", body | {"stands_because": "复查时间已写明"}).status_code == 201
    assert "复查时间已写明" in Comment.objects.get().text
