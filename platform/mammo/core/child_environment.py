"""The environment of a child process that reads what others sent, or does a job: without this installation's secrets.

Knows no Django: children use it.
"""

import os

# A child gets its work by file: it needs no way to the database, the broker, the cache, the mail server or the
# master key.
WITHHELD = frozenset(
    {
        "DATABASE_URL",
        "BROKER_URL",
        "CACHE_URL",
        "EMAIL_URL",
        "MAMMO_DICOMWEB_PASSWORD",
        "MAMMO_NEWS_WEBHOOK",
        "MAMMO_PASSWORD",
        "MAMMO_SECRET_KEY",
        "MAMMO_SECRET_KEY_FALLBACKS",
        "MAMMO_MASTER_KEY",
    }
)


def without_secrets() -> dict[str, str]:
    """This process's environment, but for what is `WITHHELD`."""
    return {name: value for name, value in os.environ.items() if name not in WITHHELD}
