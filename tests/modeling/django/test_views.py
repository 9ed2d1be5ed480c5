"""Pages of runs: what was trained, for those who may see it."""

import uuid

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.jobs.models import Job
from modeling.curves import curves_of
from modeling.models import Checkpoint, Metric, Run, Snapshot
from modeling.services import start_run


def signed_in(person: User) -> Client:
    """A browser in which `person` is signed in."""
    client = Client()
    client.force_login(person)
    return client


def test_the_list_and_the_page_show_a_run(frozen: Snapshot, rita: User) -> None:
    run = start_run("density", snapshot=frozen, by_user=rita, config={"preset": "demo"}, seed=11)
    Checkpoint.objects.create(run=run, folder="/runs/x", sha256="e" * 64, metrics={"macro_auc": 0.975})
    Metric.objects.create(run=run, step=1, name="loss", value=2.0)
    Metric.objects.create(run=run, step=5, name="loss", value=0.5)
    client = signed_in(rita)
    listed = client.get(reverse("modeling:run-list")).content.decode()
    assert reverse("modeling:run", args=[run.pk]) in listed
    assert "c" * 16 in listed
    body = client.get(reverse("modeling:run", args=[run.pk])).content.decode()
    for text in (
        "macro_auc",
        "0.975",
        "e" * 64,
        "2 → 0.5",
        "image_size",
        reverse("jobs:job", args=[run.job_id]),
    ):
        assert text in body


def test_others_see_no_runs(frozen: Snapshot, rita: User, june: User, otto: User) -> None:
    run = start_run("density", snapshot=frozen, by_user=rita)
    for person in (june, otto):
        assert signed_in(person).get(reverse("modeling:run", args=[run.pk])).status_code == 404
        assert signed_in(person).get(reverse("modeling:run", args=[uuid.uuid4()])).status_code == 404
    assert signed_in(june).get(reverse("modeling:run-list")).status_code == 404
    listed = signed_in(otto).get(reverse("modeling:run-list")).content.decode()
    assert "c" * 16 not in listed
    assert str(run.pk) not in listed


def test_a_measure_on_training_and_on_validation_data_shares_one_chart() -> None:
    run = Run(stage="density")
    points = [
        Metric(run=run, step=step, name=name, value=value)
        for step, name, value in (
            (30, "loss", 1.0),
            (10, "loss", 3.0),
            (10, "eval_loss", 4.0),
            (30, "grad_norm", 2.0),
        )
    ]
    loss, gradient = curves_of(points)
    assert "<figcaption>Loss</figcaption>" in loss
    assert "training from 3 to 1; validation from 4 to 4" in loss
    assert "<figcaption>Gradient norm</figcaption>" in gradient


def test_a_stages_own_measures_have_curves_by_name() -> None:
    names = ("validation_collapse", "validation_image_auc", "validation_multimodal", "validation_loss", "odd")
    charts = curves_of([Metric(step=5, name=name, value=1.0) for name in names])
    titles = [chart.split("<figcaption>")[1].split("<")[0] for chart in charts]
    assert titles == ["Loss", "Collapsed", "AUC from images", "Loss between images and report", "odd"]


def test_a_run_at_work_is_asked_for_news_and_read_anew_when_it_has_ended(
    frozen: Snapshot, rita: User
) -> None:
    run = start_run("density", snapshot=frozen, by_user=rita)
    client, address = signed_in(rita), reverse("modeling:run", args=[run.pk])
    assert "every 3s" in client.get(address).content.decode()
    news = client.get(address, headers={"HX-Request": "true"})
    assert "<html" not in news.content.decode()
    assert "HX-Refresh" not in news.headers
    Job.objects.filter(pk=run.job_id).update(state="cancelled", finished_at=timezone.now())
    ended = client.get(address, headers={"HX-Request": "true"})
    assert ended.headers["HX-Refresh"] == "true"
    assert "every 3s" not in ended.content.decode()


def test_only_who_sees_the_job_is_led_to_it(frozen: Snapshot, rita: User, site: Site) -> None:
    run = start_run("density", snapshot=frozen, by_user=rita)
    stan = create_account(
        "stan", password="correct horse battery", roles={"statistician": [site]}, by_user=None
    )
    address, job = reverse("modeling:run", args=[run.pk]), reverse("jobs:job", args=[run.job_id])
    assert job in signed_in(rita).get(address).content.decode()
    assert job not in signed_in(stan).get(address).content.decode()
    assert signed_in(stan).get(job).status_code == 404
