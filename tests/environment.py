"""Environment of the tests, set before Django reads its settings (a pytest plugin named in pyproject.toml).

Tests never touch the checkout's own MAMMO_HOME: a demo that lies there must not change what they see.
"""

import atexit
import os
import shutil
import tempfile

# A process of pytest-xdist works inside the folder of the one that started it, which removes it.
_PARENT = os.environ.get("MAMMO_TESTS_HOME") if "PYTEST_XDIST_WORKER" in os.environ else None
_HOME = tempfile.mkdtemp(prefix="mammo-tests-", dir=_PARENT)
if _PARENT is None:
    os.environ["MAMMO_TESTS_HOME"] = _HOME
    atexit.register(shutil.rmtree, _HOME, ignore_errors=True)

os.environ["MAMMO_HOME"] = _HOME
for name in ("MAMMO_DEMO", "MAMMO_PRODUCTION", "MAMMO_KEYS", "MAMMO_MASTER_KEY"):
    os.environ.pop(name, None)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # playwright runs an event loop beside the ORM
