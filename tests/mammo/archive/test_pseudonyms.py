"""Keyed names: the same for the same person, different under another key, and never the original."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from mammo.archive.pseudonyms import MAX_SHIFT_DAYS, MIN_SHIFT_DAYS, Pseudonyms

ONE, OTHER = Pseudonyms(b"a" * 32), Pseudonyms(b"b" * 32)


@given(st.text(min_size=1, max_size=20))
def test_the_same_number_gives_the_same_names_and_another_key_gives_others(number: str) -> None:
    assert ONE.number_hash("north", number) == ONE.number_hash("north", number)
    assert ONE.number_hash("north", number) != OTHER.number_hash("north", number)
    assert ONE.number_hash("north", number) != ONE.number_hash("south", number)
    assert ONE.number_hash("north", number) != ONE.accession_hash("north", number)


@given(
    st.dates(date(1950, 1, 1), date(2030, 1, 1)),
    st.dates(date(1950, 1, 1), date(2030, 1, 1)),
    st.text(max_size=9),
)
def test_intervals_between_her_dates_stay_and_every_date_moves_by_a_year_at_least(
    a: date, b: date, number: str
) -> None:
    moved_a, moved_b = ONE.shifted(a, "north", number), ONE.shifted(b, "north", number)
    assert moved_b - moved_a == b - a
    assert MIN_SHIFT_DAYS <= (a - moved_a).days <= MAX_SHIFT_DAYS


def test_remapped_uids_are_valid_and_do_not_collide() -> None:
    uids = {ONE.remap_uid(f"1.2.{number}") for number in range(20_000)}
    assert len(uids) == 20_000
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in uids)
