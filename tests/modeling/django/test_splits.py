"""Splits: by patient, whole, balanced."""

import uuid
from collections import Counter

import pytest

from annotation.models import Campaign
from annotation.services.splits import create_split, extend_split, side_of_question
from mammo.accounts.models import User
from mammo.archive.models import Pathology, Patient, Split, Study
from mammo.core.errors import NotAllowedError, UserError
from mammo.core.keys import key_store


def patients(campaign: Campaign, count: int) -> list[Patient]:
    """More patients, each with a study; every second one biopsied."""
    made = []
    for number in range(count):
        patient = Patient.objects.create(
            site=campaign.site, pseudonym=f"X{number}", number_hash=f"x{number}", key_id=key_store().create()
        )
        study = Study.objects.create(
            site=campaign.site,
            patient=patient,
            study_uid=f"2.25.{number}",
            study_uid_hash=f"x{number}",
            density="C",
        )
        if number % 2:
            Pathology.objects.create(study=study, laterality="L", method="surgery", result="malignant")
        made.append(patient)
    return made


def test_shares_are_kept_within_each_stratum(campaign: Campaign, rita: User) -> None:
    group = patients(campaign, 40)
    split = create_split("s", site=campaign.site, by_user=rita, purpose="test", patients=group, seed=3)
    sides = dict(split.members.values_list("patient__pseudonym", "side"))
    for biopsied in (0, 1):
        counted = Counter(side for name, side in sides.items() if int(name[1:]) % 2 == biopsied)
        assert counted == {"train": 16, "validation": 2, "test": 2}


def test_the_seed_decides(campaign: Campaign, rita: User) -> None:
    group = patients(campaign, 20)
    made = [
        dict(
            create_split(
                name, site=campaign.site, by_user=rita, purpose="t", patients=group, seed=seed
            ).members.values_list("patient", "side")
        )
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert made[0] == made[1]
    assert made[0] != made[2]


def test_extending_moves_nobody(split: Split, campaign: Campaign) -> None:
    before = dict(split.members.values_list("patient", "side"))
    assert extend_split(split, Patient.objects.all()) == 0
    assert extend_split(split, patients(campaign, 5)) == 5
    after = dict(split.members.values_list("patient", "side"))
    assert before.items() <= after.items()


def test_a_question_without_a_patient_keeps_its_side_however_the_shares_are_stored(split: Split) -> None:
    turned = Split(seed=split.seed, parameters={"shares": {"test": 0.1, "validation": 0.1, "train": 0.8}})
    questions = [uuid.UUID(int=number) for number in range(200)]
    sides = [side_of_question(split, question) for question in questions]
    assert sides == [side_of_question(turned, question) for question in questions]
    assert 140 <= sides.count("train") <= 180


@pytest.mark.parametrize(
    "shares", [{"train": 0.5}, {"train": 0.5, "exam": 0.5}, {"train": 1.2, "test": -0.2}]
)
def test_shares_that_make_no_sense_are_refused(
    campaign: Campaign, rita: User, shares: dict[str, float]
) -> None:
    with pytest.raises(UserError, match="sum to 1"):
        create_split("s", site=campaign.site, by_user=rita, purpose="t", shares=shares)
    assert not Split.objects.exists()


def test_a_name_is_taken_once_and_strangers_split_nothing(
    split: Split, rita: User, june: User, otto: User
) -> None:
    with pytest.raises(UserError, match="exists already"):
        create_split("all", site=split.site, by_user=rita, purpose="t")  # type: ignore[arg-type]
    for person in (june, otto):
        with pytest.raises(NotAllowedError):
            create_split("s", site=split.site, by_user=person, purpose="t")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no patients"):
        create_split("s", site=split.site, by_user=rita, purpose="t", patients=[])  # type: ignore[arg-type]
