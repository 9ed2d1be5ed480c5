"""A report that waits for a data manager stays out of training sets, with the labels read from it, and is counted."""

from pathlib import Path

from django.test import Client
from django.urls import reverse

from annotation.models import Campaign
from mammo.accounts.models import User
from mammo.archive.models import Split, Study
from modeling.data.snapshot import open_snapshot

from .test_snapshots import freeze


def test_what_nobody_has_confirmed_stays_out_and_is_counted(
    campaign: Campaign, split: Split, rita: User, tmp_path: Path
) -> None:
    doubtful, named, stated = list(Study.objects.order_by("pk"))[:3]
    sources = dict.fromkeys(("birads_left", "birads_right", "birads_overall"), "report") | {
        "density": "table"
    }
    for study in (doubtful, named, stated):
        study.label_sources, study.label_source = sources, "table"
        study.save()
    doubtful.reports.update(reading={"confidence": 0.5})
    named.reports.update(reading={"confidence": 1.0, "may_hold_a_name": True})
    stated.reports.update(reading={"confidence": 0.5})
    Study.objects.filter(pk=stated.pk).update(
        label_source="person", label_sources=dict.fromkeys(sources, "person")
    )
    row = freeze(campaign, split, rita, tmp_path)
    rows = {study.study: study for study in open_snapshot(row.folder).studies}
    for study in (doubtful, named):
        kept = rows[str(study.pk)]
        assert kept.report == ""
        assert kept.birads == {"left": None, "right": None, "overall": None}
        assert kept.density == study.density
    assert rows[str(stated.pk)].report
    assert rows[str(stated.pk)].birads["overall"] == "4A"
    assert sum(bool(study.report) for study in rows.values()) == 8
    assert row.manifest["counts"]["reports_waiting"] == 2
    client = Client()
    client.force_login(rita)
    page = " ".join(client.get(reverse("modeling:snapshot", args=[row.pk])).content.decode().split())
    assert "Reports left out</dt><dd>2" in page
