"""What a protocol's primary endpoint names is there before a design is frozen."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from evaluation.models import Protocol, ReaderStudy, Trial
from evaluation.services import reader_studies
from evaluation.services.arms import leave_out
from evaluation.services.freezing import freeze_trial, obstacles
from evaluation.services.planned_contrast import reading_contrast_obstacles
from evaluation.services.protocols import protocol_hash
from evaluation.services.raters import add_rater
from mammo.accounts.models import User
from mammo.core.errors import WrongStateError
from tests.evaluation import reading_scene, scene

PLANNED = {"endpoint": "correctness", "first": "MammoVLM", "second": "Junior doctor"}


def draft_under(rita: User, june: User, raters: list[User], endpoint: dict[str, Any]) -> Trial:
    """A draft that could be frozen but for what its protocol names."""
    questions = scene.questions_of(rita, [june, *raters], 3)
    trial = scene.draft_trial(rita, questions, june, protocol={"primary_endpoint": endpoint})
    scene.answer_all(trial, rita, june)
    for rater in raters:
        add_rater(trial, rater, by_user=rita)
    return trial


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"first": "UMiCon"},
            "names “UMiCon”, which is no arm of this trial (MammoVLM, Untuned model, Junior",
        ),
        ({"second": "junior doctor"}, "names “junior doctor”, which is no arm of this trial"),
        ({"endpoint": "auc"}, "measures “auc”, which is no aspect of this trial (correctness, rationality"),
    ],
)
def test_a_contrast_that_a_trial_does_not_have_keeps_it_from_being_frozen(
    rita: User, june: User, sena: User, sol: User, wrong: dict[str, str], told: str
) -> None:
    trial = draft_under(rita, june, [sena, sol], PLANNED | wrong)
    (said,) = obstacles(trial)
    assert told in said
    with pytest.raises(WrongStateError, match="The protocol's primary"):
        freeze_trial(trial, by_user=rita)


@pytest.mark.parametrize("endpoint", [{}, PLANNED, {"endpoint": "helpfulness"}])
def test_a_contrast_that_a_trial_has_and_none_at_all_are_no_obstacle(
    rita: User, june: User, sena: User, sol: User, endpoint: dict[str, str]
) -> None:
    trial = draft_under(rita, june, [sena, sol], endpoint)
    assert obstacles(trial) == []
    assert freeze_trial(trial, by_user=rita).state == "frozen"


def test_a_planned_arm_that_is_left_out_is_named(rita: User, june: User, sena: User, sol: User) -> None:
    trial = draft_under(rita, june, [sena, sol], PLANNED)
    leave_out(trial.arms.get(name="MammoVLM"), "no weights", by_user=rita)
    (said,) = obstacles(trial)
    assert "arm “MammoVLM”, which is left out" in said


def test_an_endpoint_that_an_earlier_version_took_and_this_one_cant_read_is_told(
    rita: User, june: User, sena: User, sol: User
) -> None:
    trial = draft_under(rita, june, [sena, sol], PLANNED)
    protocol = trial.protocol
    protocol.primary_endpoint = {"aspect": "correctness"}
    Protocol.objects.filter(pk=protocol.pk).update(
        primary_endpoint=protocol.primary_endpoint, frozen_sha256=protocol_hash(protocol)
    )
    (said,) = obstacles(Trial.objects.get(pk=trial.pk))
    assert "can't be read: primary_endpoint: unknown key aspect" in said


def test_only_designers_are_told_which_arms_a_draft_has(
    rita: User, june: User, sena: User, sol: User, stan: User
) -> None:
    trial = draft_under(rita, june, [sena, sol], PLANNED | {"first": "UMiCon"})
    shown = {}
    for person in (rita, stan):
        client = Client()
        client.force_login(person)
        shown[person] = client.get(reverse("evaluation:trial", args=[trial.pk])).content.decode()
    assert "“UMiCon”, which is no arm" in shown[rita]
    assert "which is no arm" not in shown[stan]
    assert "Untuned model" not in shown[stan]


AUC = {"endpoint": "auc", "first": "with_ai", "second": "alone"}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"first": "UMiCon"}, "names “UMiCon”, which is no condition of this study (alone, with UMiCon)"),
        ({"endpoint": "correctness"}, "measures “correctness”, which is none of a reader study (auc, sens"),
        ({"first": "独立"}, "names one condition twice (独立, alone)"),
    ],
)
def test_a_contrast_that_a_reader_study_does_not_have_keeps_it_from_being_frozen(
    rita: User, june: User, sena: User, wrong: dict[str, str], told: str
) -> None:
    study = reading_scene.draft_study(rita, [june, sena], protocol={"primary_endpoint": AUC | wrong})
    (said,) = reader_studies.reader_study_obstacles(study)
    assert told in said
    with pytest.raises(WrongStateError, match="The protocol's primary"):
        reader_studies.freeze_reader_study(study, by_user=rita)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("pair", [("with_ai", "alone"), ("with UMiCon", "alone"), ("独立", "借助 UMiCon")])
def test_conditions_are_known_by_their_keys_and_by_their_names_in_every_language(
    rita: User, june: User, pair: tuple[str, str], language: str
) -> None:
    endpoint = {"endpoint": "AUC", "first": pair[0], "second": pair[1]}
    study = reading_scene.draft_study(rita, [june], protocol={"primary_endpoint": endpoint})
    with override(language):
        assert reading_contrast_obstacles(study) == []


def test_one_protocol_behind_a_trial_and_a_reader_study_plans_a_contrast_of_one_of_them(
    rita: User, june: User, sena: User, sol: User
) -> None:
    trial = draft_under(rita, june, [sena, sol], AUC)
    assert any("is no aspect of this trial" in said for said in obstacles(trial))
    study = reading_scene.draft_study(rita, [june], protocol={"primary_endpoint": AUC})
    assert reading_contrast_obstacles(study) == []
    ReaderStudy.objects.filter(pk=study.pk).update(protocol=trial.protocol)
    assert not any("primary" in said for said in obstacles(trial))
    other = reading_scene.draft_study(
        rita, [june], name="Other", protocol={"primary_endpoint": {**PLANNED, "first": "alone"}}
    )
    assert any("which is none of a reader study" in said for said in reading_contrast_obstacles(other))
    Trial.objects.filter(pk=trial.pk).update(protocol=other.protocol)
    assert reading_contrast_obstacles(other) == []
