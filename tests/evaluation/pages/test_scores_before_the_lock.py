"""Until the lock who designed a trial and its statistician meet how far it is, and no score of it anywhere."""

import re
import uuid
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluation.models import DataExport, Score, Trial
from evaluation.services.scoring import lock_trial, next_slot, record_scores
from mammo.accounts.models import User
from tests.evaluation import scene

# Values that stand on no page by chance.
VALUES = dict(zip(scene.ASPECTS, (83, 84, 86, 87, 89), strict=True))


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def halfway(trial: Trial, sena: User) -> Trial:
    """Sena has scored four forms."""
    rater = trial.raters.get(user=sena)
    for _form in range(4):
        record_scores(next_slot(rater), by_user=sena, values=VALUES, active_seconds=17)
    return trial


def scores_in(page: str) -> set[str]:
    """The scores whose numbers stand in the words of a page."""
    words = re.sub(r"<(script|style|svg)\b.*?</\1>|<[^>]+>", " ", page, flags=re.S)
    return {str(value) for value in VALUES.values()} & set(
        re.findall(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w.-])", words)
    )


def addresses(trial: Trial) -> list[str]:
    """Everything that shows scores or what is computed of them once the trial is locked; the row is a scored arm's."""
    code = Score.objects.earliest("created_at").slot.answer.arm.code
    return [
        reverse("evaluation:table-page", args=[trial.pk, 1]),
        reverse("evaluation:trial-cell-rows", args=[trial.pk, 1]) + f"?row={code}&column=correctness",
        reverse("evaluation:table", args=[trial.pk, 1, "csv"]),
        reverse("evaluation:leaks", args=[trial.pk]),
        reverse("evaluation:unsafe", args=[trial.pk]),
        f"/api/v1/trials/{trial.pk}/tables/1/",
    ]


@pytest.mark.parametrize("who", ["rita", "stan"])
def test_tables_leaks_and_rows_are_refused_until_the_lock(
    halfway: Trial, rita: User, stan: User, who: str
) -> None:
    client = client_of({"rita": rita, "stan": stan}[who])
    for address in addresses(halfway):
        answer = client.get(address)
        assert answer.status_code in (400, 404, 409), (address, answer.status_code)
        assert scores_in(answer.content.decode()) == set(), address
    lock_trial(halfway, by_user=rita, reason="enough")
    opened = [client.get(address) for address in addresses(halfway)]
    # The same addresses answer afterwards: they are those that would have shown the scores.
    assert [answer.status_code for answer in opened] == [200] * 6
    assert str(VALUES["correctness"]) in scores_in(opened[1].content.decode())


@pytest.mark.parametrize("who", ["rita", "stan"])
def test_progress_counts_forms_and_shows_no_score(halfway: Trial, rita: User, stan: User, who: str) -> None:
    client = client_of({"rita": rita, "stan": stan}[who])
    for name, more in (("trial", [halfway.pk]), ("trials", []), ("tables", []), ("design", [halfway.pk])):
        answer = client.get(reverse(f"evaluation:{name}", args=more))
        page = answer.content.decode()
        assert scores_in(page) == set(), name
        if name == "trial":
            assert answer.status_code == 200
            assert '<progress value="4" max="27"' in page
    assert (
        reverse("evaluation:table-page", args=[halfway.pk, 1])
        not in client.get(reverse("evaluation:tables")).content.decode()
    )
    detail = client.get(f"/api/v1/trials/{halfway.pk}/design/")
    assert detail.status_code == (200 if who == "rita" else 404)
    assert scores_in(detail.content.decode()) == set()


def test_no_export_and_no_command_gives_scores_before_the_lock(halfway: Trial, rita: User) -> None:
    posted = {
        "trial": str(halfway.pk), "reason": "curious", "expires_on": timezone.localdate().isoformat(),
        "idempotency_key": str(uuid.uuid4()),
    }  # fmt: skip
    answer = client_of(rita).post(reverse("evaluation:exports"), posted)
    assert answer.status_code in (400, 404, 409)
    assert not DataExport.objects.exists()
    for command in (
        ("table", "1"),
        ("table", "unsafe"),
        ("study_report", "out"),
        ("figure", "radar", "out.svg"),
    ):
        with pytest.raises(CommandError, match="once the scores are locked"):
            call_command(*command, "--trial", halfway.name, stdout=StringIO())
    assert Score.objects.count() == 4 * len(VALUES)
    lock_trial(halfway, by_user=rita, reason="enough")
    again = posted | {"idempotency_key": str(uuid.uuid4())}
    assert client_of(rita).post(reverse("evaluation:exports"), again).status_code == 302
