"""Every value of every table as the database keeps it, whatever its type, on SQLite and on PostgreSQL alike."""

import binascii
import json
from collections.abc import Iterator
from urllib.parse import quote

from django.db import connection

BATCH = 500


def forms_of(word: str) -> list[bytes]:
    """The word as bytes in the ways in which something may have kept it: as it is, escaped, in hexadecimal."""
    plain = word.encode()
    return [
        plain,
        json.dumps(word)[1:-1].encode(),
        quote(word).encode(),
        binascii.hexlify(plain),
        word.encode("utf-16-le"),
        word.encode("utf-16-be"),
    ]


def as_bytes(value: object) -> bytes:
    """A value that a cursor gave, without any field of Django's in between."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str).encode()
    return str(value).encode("utf-8", "surrogatepass")


def tables() -> list[str]:
    """Names of all tables of the database, not only of those that a model stands for."""
    if connection.vendor == "postgresql":
        asked = (
            "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
            " UNION SELECT format('%I', c.relname) FROM pg_class c"  # temporary tables have a schema of their own
            " WHERE c.relpersistence = 't' AND c.relkind = 'r' AND pg_table_is_visible(c.oid)"
        )
    else:
        asked = (
            "SELECT '\"' || name || '\"' FROM sqlite_master WHERE type = 'table'"
            " UNION SELECT '\"' || name || '\"' FROM sqlite_temp_master WHERE type = 'table'"
        )
    with connection.cursor() as cursor:
        cursor.execute(asked)
        return sorted(row[0] for row in cursor.fetchall())


def values() -> Iterator[tuple[str, bytes]]:
    """Place (`table.column`) and bytes of every value that is not null."""
    for table in tables():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table}")
            columns = [column[0] for column in cursor.description]
            while rows := cursor.fetchmany(BATCH):
                for row in rows:
                    for column, value in zip(columns, row, strict=True):
                        if value is not None:
                            yield f"{table}.{column}", as_bytes(value)


def places_of(*words: str) -> dict[str, list[str]]:
    """Where each word stands readable: its places, in order; words that stand nowhere are left out."""
    forms = {word: forms_of(word) for word in words}
    found: dict[str, set[str]] = {}
    for place, value in values():
        for word, written in forms.items():
            if any(form in value for form in written):
                found.setdefault(word, set()).add(place)
    return {word: sorted(places) for word, places in found.items()}
