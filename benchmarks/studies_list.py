"""The list of studies over 34,000 studies on PostgreSQL: server time of one page, whole request (aim: under 0.1 s).

In a database of its own on the PostgreSQL server that the tests use (the local one, or one started for this), or in
the empty one that MAMMO_BENCH_DATABASE names; the script makes its tables and fills them.
"""

import os
import statistics
import tempfile
import time
from typing import Any

from benchmarks.alone import measured_alone, show
from tests.servers import ServerError, create_database, drop_databases, postgres, with_database

STUDIES, PATIENTS, ROUNDS = 34_000, 30_500, 7
PAGES = {
    "first page": "",
    "density and BI-RADS": "?density=C&birads=4A",
    "side of a split": "?split={split}&side=test",
    "pseudonym": "?q=P-01",
    "a standard view missing": "?attention=incomplete",
    "page 400 by key": "?after={key}",
}
_FILL = """
INSERT INTO archive_patient (id, created_at, site_id, pseudonym, number_hash, key_id, roster, is_simulated)
SELECT gen_random_uuid(), now(), %(site)s, 'P-' || lpad(n::text, 8, '0'), md5(n::text), gen_random_uuid(), '', false
FROM generate_series(1, %(patients)s) n;
INSERT INTO archive_study (id, created_at, updated_at, version, site_id, patient_id, study_uid, study_uid_hash,
    accession_hash, date, age, symptom, indication, history, vendor, density, birads_left, birads_right,
    birads_overall, label_source, label_sources, birads_rule, birads_edition, reporting_doctors, is_simulated,
    standard_views)
SELECT gen_random_uuid(), now() - n * interval '1 minute', now(), 1, %(site)s, p.id, '2.25.' || n, md5('s' || n),
    md5('a' || n), date '2015-01-01' + n %% 3000, 30 + n %% 60, '', '', '', 'siemens',
    substr('ABBCCCDD', 1 + n %% 8, 1),
    (ARRAY['1','2','3'])[1 + n %% 3], (ARRAY['1','2','4A'])[1 + n %% 3], (ARRAY['1','2','3','4A','4B','0'])[1 + n %% 6],
    'report', '{"density": "report", "birads_left": "report", "birads_right": "report", "birads_overall": "report"}',
    '', '', '[]', false, CASE WHEN 30 + n %% 60 = 42 THEN 7 ELSE 15 END
FROM generate_series(1, %(studies)s) n JOIN archive_patient p ON p.number_hash = md5((1 + n %% %(patients)s)::text);
INSERT INTO archive_image (id, created_at, study_id, laterality, laterality_source, view, view_modifiers, is_extra,
    sop_uid, sop_uid_hash, sha256, original, viewing_copy, viewing_copy_sha256, rows, columns, bits_stored,
    spacing_estimated, window_center, window_width, voi_function, presets, voi_baked, vendor, acquired_order, flags,
    procedure_version, is_simulated, training_fit)
SELECT gen_random_uuid(), now(), s.id, v.side, '', v.name, '[]', false, '', md5(s.id::text || v.side || v.name),
    md5(s.id::text || v.side || v.name), '', '', '', 1, 1, 12, true, 1, 1, 'LINEAR', '[]', false, '', 0, '[]', '',
    false, '{}'
FROM archive_study s, (VALUES ('L','CC'), ('R','CC'), ('L','MLO'), ('R','MLO')) v(side, name)
WHERE NOT (v.side = 'R' AND v.name = 'MLO' AND s.age = 42);
INSERT INTO archive_splitmembership (split_id, patient_id, side)
SELECT %(split)s, id, CASE WHEN random() < 0.1 THEN 'test' ELSE 'train' END FROM archive_patient;
ANALYZE;
"""


def measure() -> dict[str, float]:
    """Median seconds of each page, its rows and count included; empty where there is no PostgreSQL."""
    if os.environ.get("MAMMO_BENCH_DATABASE"):
        return measured_alone("studies_list")
    name = f"mammo_bench_{os.getpid()}"
    try:
        with postgres() as address:
            create_database(address, name)
            os.environ["MAMMO_BENCH_DATABASE"] = with_database(address, name)
            try:
                return measured_alone("studies_list")
            finally:
                del os.environ["MAMMO_BENCH_DATABASE"]
                drop_databases(address, name)
    except ServerError as error:
        print(f"  not run: {error}")
        return {}


def here() -> dict[str, float]:
    """The same, in this process."""
    database = os.environ["MAMMO_BENCH_DATABASE"]
    os.environ.update(
        DATABASE_URL=database, MAMMO_HOME=tempfile.mkdtemp(), DJANGO_SETTINGS_MODULE="mammo.settings"
    )
    import django

    django.setup()
    from django.contrib.auth.signals import user_logged_in
    from django.core.management import call_command
    from django.test import Client

    from mammo.accounts import second_factor

    call_command("migrate", verbosity=0)
    user, places = filled()
    # The account shows a second factor as it signs in, as every researcher does.
    user_logged_in.connect(
        lambda request, user, **kwargs: second_factor.mark(request, user, "totp"), weak=False
    )
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    figures: dict[str, float] = {}
    for name, query in PAGES.items():
        seconds = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            answer = client.get("/archive/studies/" + query.format(**places))
            seconds.append(time.perf_counter() - started)
            if answer.status_code != 200:
                raise RuntimeError(f"{name}: HTTP {answer.status_code}")
        figures[f"{name}, s"] = statistics.median(seconds)
    return figures


def filled(studies: int = STUDIES, patients: int = PATIENTS) -> tuple[Any, dict[str, str]]:
    """Fill the tables of an empty PostgreSQL database.

    Returns:
        an account that may list all studies, and what the queries of `PAGES` name.
    """
    from urllib.parse import quote

    from django.db import connection

    from mammo.accounts.models import Role
    from mammo.accounts.services import create_account, create_site
    from mammo.archive.models import Split, Study

    site = create_site("bench", "Bench", by_user=None)
    user = create_account(
        "bench", password=os.urandom(12).hex(), roles={Role.RESEARCHER: [site]}, by_user=None
    )
    split = Split.objects.create(site=site, name="bench", purpose="bench")
    with connection.cursor() as cursor:
        values = {"site": site.pk, "split": split.pk, "studies": studies, "patients": patients}
        for statement in _FILL.split(";\n"):
            if statement.strip():
                cursor.execute(statement, values if "%" in statement else None)
    far = Study.objects.order_by("-created_at", "-pk")[20_000 * studies // STUDIES]
    return user, {"split": str(split.pk), "key": quote(f"{far.created_at.isoformat()}~{far.pk}")}


if __name__ == "__main__":
    show(here())
