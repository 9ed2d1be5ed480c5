"""Who is told of a remark: who spoke, works or worked on the question, and may read it now."""

from annotation.models import Campaign, Comment, Correction, Notification, Question
from annotation.services import leases
from annotation.services.campaigns import remove_member
from annotation.services.picks import pick
from annotation.services.remarks import comment
from mammo.accounts.models import User
from mammo.accounts.services import grant_role
from tests.annotation import scene


def told(question: Question) -> set[str]:
    """Account names with unread news of a remark; read from now on."""
    rows = Notification.objects.filter(kind="comment", question=question, read_at__isnull=True)
    names = set(rows.values_list("user__username", flat=True))
    rows.delete()
    return names


def test_a_junior_who_asked_before_sending_is_told_of_the_answer(
    question: Question, june: User, rita: User
) -> None:
    comment(question, "哪一侧？", by_user=june)
    assert told(question) == {"rita"}
    comment(question, "右侧。", by_user=rita)
    assert told(question) == {"june"}


def test_a_senior_who_asked_before_choosing_is_told_of_the_answer(
    corrected: Question, sena: User, rita: User
) -> None:
    comment(corrected, "可以两个都选吗？", by_user=sena)
    assert told(corrected) == {"rita", "june"}
    comment(corrected, "只选一个。", by_user=rita)
    assert told(corrected) == {"sena", "june"}


def test_whoever_has_the_question_now_is_told(question: Question, june: User, rita: User) -> None:
    leases.hold(question, by_user=june, purpose="correct")
    comment(question, "图像已补全。", by_user=rita)
    assert told(question) == {"june"}


def test_a_senior_is_not_told_of_what_they_may_not_read_before_the_choice(
    corrected: Question, june: User, sena: User, sol: User, rita: User
) -> None:
    comment(corrected, "可以两个都选吗？", by_user=sena)
    leases.hold(corrected, by_user=sena, purpose="pick")
    told(corrected)
    comment(corrected, "我改了第二句", by_user=june)
    assert told(corrected) == {"rita"}
    comment(corrected, "我也想问", by_user=sol)
    assert told(corrected) == {"rita", "june"}
    pick(corrected, by_user=sena, correction=Correction.objects.candidates(corrected)[0].pk)
    corrected.refresh_from_db()
    comment(corrected, "第三句也改了", by_user=june)
    assert told(corrected) == {"rita", "sena"}, "once it is settled the remark is open to her"


def test_a_second_junior_is_told_of_no_remark_that_is_closed_to_her(
    rita: User, june: User, jack: User, sena: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june, jack], [sena], name="Agreement", overlap=2)
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    leases.hold(question, by_user=jack, purpose="correct")
    comment(question, "我改了第二句", by_user=june)
    assert told(question) == {"rita"}
    comment(question, "请看分类", by_user=rita)
    assert told(question) == {"june", "jack"}


def test_a_researcher_who_picks_here_is_told_only_of_what_she_may_read(
    corrected: Question, june: User, sena: User, rita: User
) -> None:
    grant_role(sena, "researcher", corrected.campaign.site, by_user=None)
    comment(corrected, "我改了第二句", by_user=june)
    assert told(corrected) == {"rita"}
    assert not Comment.objects.readable_by(sena, corrected).exists()


def test_who_left_the_campaign_is_told_nothing_more(
    question: Question, june: User, rita: User, campaign: Campaign
) -> None:
    comment(question, "哪一侧？", by_user=june)
    told(question)
    remove_member(campaign.members.get(user=june), by_user=rita)
    comment(question, "右侧。", by_user=rita)
    assert told(question) == set()
