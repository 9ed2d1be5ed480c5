"""Snapshots of earlier versions get the campaign that the job which froze them was asked for."""

from typing import Any

from django.db import migrations


def take_from_jobs(apps: Any, schema_editor: Any) -> None:
    """Read each job's parameters: before this version the campaign stood there alone."""
    known = {str(pk): pk for pk in apps.get_model("annotation", "Campaign").objects.values_list("pk", flat=True)}
    snapshots = apps.get_model("modeling", "Snapshot").objects
    for pk, parameters in snapshots.exclude(job=None).values_list("pk", "job__parameters"):
        campaign = known.get(parameters.get("campaign") or "")
        if campaign is not None:
            snapshots.filter(pk=pk).update(campaign=campaign)


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0007_lost_answers_and_returns"),
        ("jobs", "0004_endings"),
        ("modeling", "0005_campaigns_of_snapshots"),
    ]

    operations = [migrations.RunPython(take_from_jobs, migrations.RunPython.noop)]
