"""The demo's names stand on English and Chinese pages: they read in both, and commands take their beginning."""

import re

import pytest
from django.utils import translation

from annotation.services.campaigns import campaign_by_name
from evaluation.models import ReaderStudy, Trial
from evaluation.reports.lookup import reader_study_by_name
from evaluation.services.trials import trial_by_name
from mammo.accounts.models import Site, User
from mammo.archive.viewing import viewer_json
from mammo.core.errors import UserError
from mammo.demo.people import ensure_people
from mammo.demo.story import data, readers, trials
from tests.annotation import scene
from tests.evaluation.scene import frozen_protocol

NAMES = (
    data.CAMPAIGN, data.TRIAL_CAMPAIGN, trials.TRIAL, trials.VISITOR_TRIAL, readers.STUDY, readers.VISITOR_STUDY,
)  # fmt: skip


def test_raters_are_told_in_both_languages_that_an_answer_may_be_in_the_other_and_of_no_arm() -> None:
    english, chinese = trials.INSTRUCTIONS.split("\n")
    assert "English may be answered in Chinese" in english
    assert "英文问题可能得到中文回答" in chinese
    told = trials.INSTRUCTIONS.lower()
    assert not [word for word in (*trials.SYSTEMS, "model", "doctor", "模型", "医生") if word.lower() in told]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_reads_in_both_languages(name: str) -> None:
    english, chinese = name.split(" · ")
    assert re.fullmatch(r"[A-Z][A-Za-z ]+", english)
    assert re.fullmatch(r"[\u4e00-\u9fff]+", chinese)


@pytest.mark.django_db
def test_the_hospital_reads_in_both_languages() -> None:
    assert re.fullmatch(r"[A-Za-z ]+ · [\u4e00-\u9fff]+", ensure_people().site.name)


def test_commands_find_them_by_their_beginning(site: Site, rita: User, june: User, sena: User) -> None:
    protocol = frozen_protocol(rita)
    for name in (trials.TRIAL, trials.VISITOR_TRIAL):
        Trial.objects.create(site=site, protocol=protocol, name=name, seed=1, by_user=rita)
    ReaderStudy.objects.create(site=site, protocol=protocol, name=readers.STUDY, seed=1, by_user=rita)
    scene.open_campaign_of(rita, [june], [sena], name=data.CAMPAIGN)
    assert trial_by_name("Demo trial").name == trial_by_name(trials.TRIAL).name == trials.TRIAL
    assert reader_study_by_name("Demo reader study").name == readers.STUDY
    assert campaign_by_name("Demo questions", site=site).name == data.CAMPAIGN
    for half in ("Demo tri", ""):
        with pytest.raises(UserError, match="no such trial"):
            trial_by_name(half)
    Trial.objects.create(site=site, protocol=protocol, name="Demo trial · again", seed=1, by_user=rita)
    with pytest.raises(UserError, match="no such trial"):
        trial_by_name("Demo trial")


@pytest.mark.parametrize(
    ("language", "said"), [("en", ["NORMAL", "HARDER", "Dense"]), ("zh-hans", ["标准", "较硬", "Dense"])]
)
def test_usual_windows_are_named_in_the_readers_language(site: Site, language: str, said: list[str]) -> None:
    study = scene.patient_with_study(site, "P001", "A001")
    image = study.images.first()
    assert image is not None
    image.presets = [{"wc": 1, "ww": 2, "label": label} for label in ("NORMAL", "HARDER", "Dense")]
    image.save(update_fields=["presets"])
    with translation.override(language):
        described = viewer_json(study, lambda one: f"/{one.pk}")
    shown = next(one for one in described["images"] if one["url"] == f"/{image.pk}")
    assert [preset["label"] for preset in shown["presets"]] == said
