"""Server time of a scoring form, answer by answer: the bar of 300 ms, and whether time could tell the arms apart.

    python -m benchmarks.form_time

A trial of 3 arms and 40 questions in an SQLite database of a temporary folder, asked through Django's test client
(view, templates, queries, decryption, middleware; no network); values go in by the service that the page's POST
calls. A round is what the server does between two forms. Kolmogorov-Smirnov over the arms: a p under .01 would say
that time tells.
"""

import os
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import stats

QUESTIONS = 40


def _scene() -> tuple[object, object]:
    """An open trial of three arms and the rater who scores it."""
    from django.core.management import call_command

    from mammo.accounts.models import Site
    from mammo.core.keys import key_store
    from tests.evaluation import scene

    call_command("migrate", verbosity=0)
    site = Site.objects.create(code="north", name="North", key_id=key_store().create())
    rita, june = scene.person(site, "Rita", "researcher"), scene.person(site, "June", "junior")
    sena = scene.person(site, "Sena", "senior")
    return scene.open_trial(rita, june, [sena], QUESTIONS), sena


def _round(client: object, slot: object, user: object) -> tuple[float, float]:
    """Milliseconds of the form's page, and of storing its values."""
    from django.urls import reverse

    from evaluation.services.scoring import record_scores
    from tests.evaluation import scene

    address = reverse("evaluation:form", args=[slot.pk])  # type: ignore[attr-defined]
    started = time.perf_counter()
    shown = client.get(address)  # type: ignore[attr-defined]
    between = time.perf_counter()
    record_scores(slot, by_user=user, values=scene.values(), active_seconds=5)  # type: ignore[arg-type]
    ended = time.perf_counter()
    if shown.status_code != 200:
        raise ValueError(f"{shown.status_code}: the form was not shown")
    return 1000 * (between - started), 1000 * (ended - between)


def run() -> list[str]:
    """Lines to print."""
    from django.test import Client

    from evaluation.models import Trial
    from evaluation.services.scoring import next_slot

    trial, sena = _scene()
    if not isinstance(trial, Trial):
        raise TypeError("no trial")
    client, rater = Client(), trial.raters.get()
    client.force_login(sena)  # type: ignore[arg-type]
    by_arm: dict[object, list[float]] = {}
    rounds = []
    while (slot := next_slot(rater)) is not None:
        shown, stored = _round(client, slot, sena)
        by_arm.setdefault(slot.answer.arm_id, []).append(shown)
        rounds.append(shown + stored)
    p = min(stats.ks_2samp(a, b).pvalue for a, b in combinations(by_arm.values(), 2))
    middle, late = np.percentile(rounds, [50, 95])
    return [
        f"store a form and show the next: median {middle:.0f} ms, 95 % under {late:.0f} ms "
        f"({len(rounds)} forms; bar 300 ms); time against arm: smallest Kolmogorov-Smirnov p {p:.2f}"
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MAMMO_HOME"] = folder
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "platform"))
        import django

        django.setup()
        from django.conf import settings

        settings.ALLOWED_HOSTS = ["testserver"]
        print("\n".join(run()))
