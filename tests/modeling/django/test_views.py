"""Pages of runs: what was trained, for those who may see it."""

import uuid

from django.test import Client
from django.urls import reverse

from mammo.accounts.models import User
from modeling.curves import HEIGHT, WIDTH, curves_of
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
        "0.5000",
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


def test_a_curve_fills_its_box_from_left_to_right(frozen: Snapshot, rita: User) -> None:
    run = Run(stage="density")
    points = [
        Metric(run=run, step=step, name="loss", value=value)
        for step, value in ((30, 1.0), (10, 3.0), (20, 2.0))
    ]
    (curve,) = curves_of(points)
    assert curve.points == f"0.0,0.0 {WIDTH / 2},{HEIGHT / 2} {WIDTH}.0,{HEIGHT}.0"
    assert (curve.first, curve.last, curve.steps) == (3.0, 1.0, 30)
