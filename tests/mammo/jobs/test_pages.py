"""Pages of jobs: who sees them, what they show, and that a double click counts once."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy

from evaluation import job_kinds
from evaluation.services import answers
from mammo.accounts.models import Role, Site, User
from mammo.accounts.services import grant_role
from mammo.archive.models import TableUpload
from mammo.jobs import doorbell, reaper, runner, services
from mammo.jobs.models import Beat, Job
from tests.mammo.jobs.counting import KIND

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
SPOKEN = "a lump in the left breast"


@pytest.fixture(autouse=True)
def _silent_doorbell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_publish", lambda job: None)


def client_of(user: User, language: str = "en") -> Client:
    client = Client(raise_request_exception=False, headers={"Accept-Language": language})
    client.force_login(user)
    return client


def submitted(user: User, site: Site | None, mode: str = "count", **changes: Any) -> Job:
    return services.submit(KIND, by_user=user, site=site, parameters={"mode": mode}, **changes)


def text(client: Client, address: str, **headers: str) -> str:
    response = client.get(address, headers=headers)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def press(client: Client, page: str, action: str) -> Any:
    """Send the form of this page that posts to `action`, as a browser would."""
    form = re.search(rf'<form method="post" action="{action}">(.*?)</form>', page, re.S)
    assert form, f"no form for {action}"
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form.group(1)))
    return client.post(action, fields)


def page_of(job: Job) -> str:
    return reverse("jobs:job", args=[job.pk])


def test_the_list_shows_the_jobs_of_ones_sites_only(rita: User, dana: User, otto: User, site: Site) -> None:
    submitted(rita, site, title="Proposals for campaign A")
    assert "Proposals for campaign A" in text(client_of(rita), reverse("jobs:list"))
    assert "Proposals for campaign A" in text(client_of(dana), reverse("jobs:list"))
    assert "Proposals for campaign A" not in text(client_of(otto), reverse("jobs:list"))


def test_a_title_is_said_in_the_language_of_whoever_reads_it(rita: User, dana: User, site: Site) -> None:
    with translation.override("zh-hans"):  # Rita works in Chinese
        kind = TableUpload.Kind.PATHOLOGY.label
        job = submitted(rita, site, title=gettext_lazy("Table of %(kind)s"), title_values={"kind": kind})
        submitted(rita, site, title=gettext_lazy("Snapshot %(name)s"), title_values={"name": "50% <Reports>"})
        submitted(rita, site, title=gettext_lazy("Memorisation test"))
    assert job.title == "Table of Pathology"
    english = text(client_of(dana), reverse("jobs:list"))
    for said in ("Table of Pathology", "Snapshot 50% &lt;Reports&gt;", "Memorisation test"):
        assert said in english
    client = client_of(dana)
    client.cookies["django_language"] = "zh-hans"
    chinese = text(client, reverse("jobs:list"))
    for said in ("病理表格", "训练集50% &lt;Reports&gt;", "记忆测试"):
        assert said in chinese


def test_a_junior_has_no_list_but_sees_a_job_of_her_own_without_its_log(june: User, site: Site) -> None:
    job = runner.run_here(submitted(june, site))
    client = client_of(june)
    assert client.get(reverse("jobs:list")).status_code == 404
    assert SPOKEN not in text(client, page_of(job))


@pytest.mark.parametrize("what", ["jobs:job", "jobs:cancel", "jobs:retry"])
def test_a_strangers_job_and_one_that_never_was_answer_alike(
    rita: User, otto: User, site: Site, what: str
) -> None:
    job, client = submitted(rita, site), client_of(otto)
    answers = []
    for job_id in (job.pk, uuid.uuid4()):
        address = reverse(what, args=[job_id])
        form = {"idempotency_key": str(uuid.uuid4())}
        answers.append(client.get(address) if what == "jobs:job" else client.post(address, form))
    assert [answer.status_code for answer in answers] == [404, 404]
    bodies = [
        re.sub(r'(value|nonce)="[^"]{20,}"|X-CSRFToken":"[^"]+', "", a.content.decode()) for a in answers
    ]
    assert bodies[0] == bodies[1]
    assert Job.objects.get(pk=job.pk).state == "queued"


def test_a_visitor_who_is_not_signed_in_is_sent_to_the_sign_in(rita: User, site: Site) -> None:
    response = Client().get(page_of(submitted(rita, site)))
    assert response.status_code == 302
    assert reverse("account_login") in response.headers["Location"]


def test_the_page_asks_for_news_until_the_job_has_ended(rita: User, site: Site) -> None:
    client, job = client_of(rita), submitted(rita, site)
    for address in (page_of(job), reverse("jobs:list")):
        assert 'hx-trigger="every 2s"' in text(client, address)
    runner.run_here(job)
    for address in (page_of(job), reverse("jobs:list")):
        assert 'hx-trigger="every 2s"' not in text(client, address)


def test_news_are_the_changing_part_alone(rita: User, site: Site) -> None:
    client, job = client_of(rita), submitted(rita, site)
    for address in (page_of(job), reverse("jobs:list")):
        assert "<html" in text(client, address)
        assert "<html" not in text(client, address, **HTMX)


def test_progress_of_a_running_job_is_shown(rita: User, site: Site) -> None:
    job = services.claim(submitted(rita, site).pk, "w:1")
    assert job is not None
    services.report_progress(job, {"done": 3, "total": 12, "message": "epoch 1", "loss": 0.25})
    page = text(client_of(rita), page_of(job))
    assert 'value="25"' in page
    assert "epoch 1" in page
    assert "0.25" in page


@pytest.mark.parametrize("progress", [{}, {"done": 1}, {"done": 1, "total": 0}, {"done": "x", "total": "y"}])
def test_odd_progress_breaks_no_page(rita: User, site: Site, progress: dict[str, Any]) -> None:
    job = services.claim(submitted(rita, site).pk, "w:1")
    assert job is not None
    services.report_progress(job, progress)
    assert "<progress" not in text(client_of(rita), page_of(job))


def test_the_log_of_an_ended_job_is_read_by_those_of_its_site(
    rita: User, site: Site, other_site: Site
) -> None:
    job = runner.run_here(submitted(rita, site))
    assert SPOKEN in text(client_of(rita), page_of(job))


def test_cancel_and_try_again_each_count_once(rita: User, site: Site) -> None:
    client, job = client_of(rita), submitted(rita, site)
    page, action = text(client, page_of(job)), reverse("jobs:cancel", args=[job.pk])
    assert press(client, page, action).headers["Location"] == page_of(job)
    assert press(client, page, action).headers["Location"] == page_of(job)
    assert Job.objects.get(pk=job.pk).state == "cancelled"
    page, action = text(client, page_of(job)), reverse("jobs:retry", args=[job.pk])
    press(client, page, action)
    assert Job.objects.get(pk=job.pk).state == "queued"


def test_what_can_no_longer_be_cancelled_is_a_conflict_and_not_an_error_page(rita: User, site: Site) -> None:
    client, job = client_of(rita), submitted(rita, site)
    page = text(client, page_of(job))
    runner.run_here(job)
    response = press(client, page, reverse("jobs:cancel", args=[job.pk]))
    assert response.status_code == 409


def test_texts_of_a_job_are_shown_as_text(rita: User, site: Site) -> None:
    evil = "<script>alert(1)</script>"
    job = submitted(rita, site, title=evil)
    claimed = services.claim(job.pk, "w:1")
    assert claimed is not None
    services.report_progress(claimed, {"done": 1, "total": 2, "message": evil, evil: evil})
    services.fail(claimed, evil)
    for address in (page_of(job), reverse("jobs:list")):
        assert evil not in text(client_of(rita), address)


def test_the_home_page_shows_what_runs_to_those_who_may_see_it(rita: User, june: User, site: Site) -> None:
    submitted(rita, site, title="Training of the density selector")
    assert "Training of the density selector" in text(client_of(rita), reverse("home"))
    assert "Training of the density selector" not in text(client_of(june), reverse("home"))


def test_an_administrator_sees_jobs_of_no_site(rita: User, otto: User, site: Site) -> None:
    job = submitted(otto, None, title="Weights")
    assert client_of(rita).get(page_of(job)).status_code == 404
    grant_role(rita, Role.ADMIN, site, by_user=None)
    assert "Weights" in text(client_of(rita), page_of(job))


def test_the_pages_are_chinese_for_those_who_read_chinese(rita: User, site: Site) -> None:
    job = submitted(rita, site)
    for address, word in ((reverse("jobs:list"), "任务"), (page_of(job), "取消该任务")):
        assert word in text(client_of(rita, "zh-hans"), address)


def test_waiting_jobs_that_nobody_looks_after_are_told(rita: User, site: Site) -> None:
    job, client = submitted(rita, site), client_of(rita)
    assert "No worker has been heard of" in text(client, reverse("jobs:list"))
    reaper.reap()
    assert "No worker has been heard of" not in text(client, reverse("jobs:list"))
    Beat.objects.update(at=timezone.now() - timedelta(minutes=5))
    assert "No worker has been heard of" in text(client, reverse("jobs:list"))
    services.cancel(job, by_user=rita)
    assert "No worker has been heard of" not in text(client, reverse("jobs:list"))


def test_many_jobs_are_shown_page_by_page(rita: User, site: Site) -> None:
    for number in range(53):
        submitted(rita, site, title=f"job number {number:03}")
    client = client_of(rita)
    first, second = text(client, reverse("jobs:list")), text(client, reverse("jobs:list") + "?page=2")
    assert "job number 052" in first
    assert "job number 000" not in first
    assert "job number 000" in second


def test_figures_of_a_job_are_named_and_those_without_a_name_keep_their_key(rita: User, site: Site) -> None:
    job_kinds.register()
    job = submitted(rita, site)
    Job.objects.filter(pk=job.pk).update(
        kind=answers.JOB_KIND,
        state="succeeded",
        finished_at=timezone.now(),
        result={"answers": 27, "passed": True, "share": 0.123456, "counts": {"a": 1}},
    )
    page = text(client_of(rita), page_of(job))
    for said in ("<dt>Answers kept</dt>", '<dt>passed</dt><dd class="verbatim">yes</dd>', "0.1235"):
        assert said in page
    assert "<dt>counts</dt>" not in page


def test_the_list_says_what_came_of_ended_jobs(rita: User, site: Site) -> None:
    job_kinds.register()
    began, rows = timezone.now(), Job.objects
    told: dict[str, dict[str, Any]] = {
        "answered": {
            "state": "succeeded",
            "kind": answers.JOB_KIND,
            "result": {"answers": 27, "passed": True},
        },
        "broken": {"state": "failed", "error": "no such folder", "progress": {"done": 3, "total": 12}},
        "stopped": {"state": "cancelled", "progress": {}},
        "unbegun": {"state": "cancelled", "started_at": None},
    }
    for title, values in told.items():
        times = {"started_at": began - timedelta(seconds=200), "finished_at": began}
        rows.filter(pk=submitted(rita, site, title=title).pk).update(**{**times, **values})
    page = text(client_of(rita), reverse("jobs:list"))
    cells = {
        title: re.sub(r"<[^>]*>|\s+", " ", row.split("</td>")[2]).strip()
        for row in page.split("<tr>")
        for title in told
        if f">{title}<" in row
    }
    assert re.sub(" +", " ", cells["answered"]) == "took 3 min 20 s · Answers kept 27"
    assert re.sub(" +", " ", cells["broken"]) == "stopped at 25 %, took 3 min 20 s · no such folder"
    assert cells["stopped"] == "took 3 min 20 s"
    assert cells["unbegun"] == "never began"


def progress_cell(page: str) -> str:
    """What the list's first row says of progress, as it is read."""
    cell = re.findall(r"<td>(.*?)</td>", page, re.S)[2]
    return " ".join(re.sub(r"<[^>]*>", "", cell).split())


def test_the_parts_of_a_jobs_progress_are_set_apart(rita: User, site: Site) -> None:
    job = submitted(rita, site)
    now = timezone.now()
    changes: dict[str, Any] = {"state": "running", "lease_until": now + timedelta(minutes=5)}
    told = {"done": 25, "total": 100, "message": "density"}
    Job.objects.filter(pk=job.pk).update(**changes, started_at=now - timedelta(seconds=40), progress=told)
    assert (
        progress_cell(text(client_of(rita), reverse("jobs:list"))) == "25 % · density · about 2 minutes left"
    )
    ended = {"state": "failed", "finished_at": now, "error": "too large", "lease_until": None}
    Job.objects.filter(pk=job.pk).update(**ended)
    assert progress_cell(text(client_of(rita), reverse("jobs:list"))).endswith("took 40 s · too large")


@pytest.mark.parametrize(("language", "said"), [("en", "starting"), ("zh-hans", "正在启动")])
def test_a_running_job_that_has_not_said_a_word_is_starting(
    rita: User, site: Site, language: str, said: str
) -> None:
    job = submitted(rita, site)
    assert said not in progress_cell(text(client_of(rita, language), reverse("jobs:list")))
    lease = timezone.now() + timedelta(minutes=5)
    Job.objects.filter(pk=job.pk).update(state="running", lease_until=lease, started_at=timezone.now())
    for address in (reverse("jobs:list"), page_of(job)):
        assert said in text(client_of(rita, language), address)
    assert progress_cell(text(client_of(rita, language), reverse("jobs:list"))) == said
    Job.objects.filter(pk=job.pk).update(progress={"done": 5, "total": 100})
    assert progress_cell(text(client_of(rita, language), reverse("jobs:list"))) == "5 %"
