"""Which models a web researcher may name as a campaign's proposer: those of the site, and nothing else on the server."""

import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.urls import reverse

from annotation.models import Campaign
from annotation.services.campaigns import change_proposer, create_campaign
from mammo.accounts.models import Site, User
from tests.annotation import scene
from tests.annotation.test_campaign_pages import form_of
from tests.annotation.test_views import signed_in
from tests.api.conftest import Caller, caller  # noqa: F401  (a fixture)
from tests.api.test_annotation_work import post as post_json

KINDS = ("transformers", "vision_language", "mammovlm")


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of models, with one model, one secret beside it and a link that leads to it."""
    (tmp_path / "models" / "glm").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "models" / "link").symlink_to(tmp_path / "secret")
    monkeypatch.setenv("MAMMO_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def elsewhere(models: Path) -> list[str]:
    return ["/etc/passwd", "../secret", f"{models}/../secret", "link", f"{models}/link", str(models)]


def test_the_page_refuses_a_folder_elsewhere_beside_its_field(rita: User, site: Site, models: Path) -> None:
    client, address = signed_in(rita), reverse("annotation:campaign-create")
    for kind in KINDS:
        for place in elsewhere(models):
            answer = client.post(address, form_of(site, proposer_kind=kind, proposer_place=place))
            assert answer.status_code == 400, place
            (said,) = answer.context["form"].errors["proposer_place"]
            assert said == (
                f"{place} is no model of this site; name a folder below MAMMO_MODELS, a hub name or a checkpoint"
            )
    assert not Campaign.objects.exists()
    client.cookies["django_language"] = "zh-hans"
    answer = client.post(address, form_of(site, proposer_place="/etc"))
    (said,) = answer.context["form"].errors["proposer_place"]
    assert said == "/etc 不是本中心的模型；请指定 MAMMO_MODELS 下的文件夹、模型库名称或检查点"


def test_the_page_takes_models_of_the_site_and_hub_names(rita: User, site: Site, models: Path) -> None:
    client, address = signed_in(rita), reverse("annotation:campaign-create")
    for number, place in enumerate(("glm", str(models / "glm"), "owner/name")):
        answer = client.post(address, form_of(site, name=f"C{number}", proposer_place=place))
        assert answer.status_code == 302, place
    assert Campaign.objects.count() == 3


def test_a_file_of_answers_is_not_offered_and_refused(rita: User, site: Site, models: Path) -> None:
    client, address = signed_in(rita), reverse("annotation:campaign-create")
    assert 'value="file"' not in client.get(address).content.decode()
    assert client.post(address, form_of(site, proposer_kind="file", proposer_place="glm")).status_code == 400
    with_file = create_campaign(
        "Own", site=site, by_user=rita, proposer={"kind": "file", "path": "/data/answers.csv"}
    )
    page = client.get(reverse("annotation:campaign-settings", args=[with_file.pk])).content.decode()
    assert 'value="file" selected' in page


def test_the_interface_names_the_field_and_the_mend(
    rita: User,
    site: Site,
    models: Path,
    caller: Caller,  # noqa: F811
) -> None:
    desk = caller(rita)
    specs = [{"kind": kind, "path": path} for kind in KINDS for path in (*elsewhere(models), "", 5)]
    for spec in [*specs, {"kind": "file", "path": "glm/answers.csv"}]:
        refused = post_json(desk, "campaigns", {"site": site.code, "name": "By interface", "proposer": spec})
        assert refused.status_code == 400, spec
        assert "proposer.path: " in refused.json()["detail"], refused.json()
    assert not Campaign.objects.exists()
    taken = {"kind": "transformers", "path": "glm"}
    made = post_json(desk, "campaigns", {"site": site.code, "name": "By interface", "proposer": taken})
    assert made.status_code == 201
    at = f"campaigns/{made.json()['id']}/proposer"
    refused = post_json(desk, at, {"proposer": {"kind": "mammovlm", "path": "/etc"}})
    assert (refused.status_code, "proposer.path: /etc" in refused.json()["detail"]) == (400, True)
    assert post_json(desk, at, {"proposer": {"kind": "mammovlm", "path": "glm"}}).status_code == 200


def test_a_path_that_a_command_named_may_stay_when_the_settings_are_saved(
    rita: User, june: User, sena: User, site: Site, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    spec, place = tmp_path / "proposer.json", str(tmp_path / "own")
    spec.write_text(json.dumps({"kind": "transformers", "path": place}), encoding="utf-8")
    call_command(
        "create_campaign",
        "Own",
        site=site.code,
        proposer=str(spec),
        by=rita.username,
        correct=["june"],
        pick=["sena"],
    )
    campaign = Campaign.objects.get()
    assert campaign.proposer["path"] == place
    change_proposer(campaign, by_user=rita, proposer=campaign.proposer, seed=4, is_from_afar=True)
    address = reverse("annotation:campaign-settings", args=[campaign.pk])
    given = {"version": campaign.version, "proposer_place": place, "temperature": "0.5"}
    assert signed_in(rita).post(address, form_of(site, **given)).status_code == 302
    campaign.refresh_from_db()
    assert campaign.parameters["temperature"] == 0.5
    moved = {"version": campaign.version, "proposer_place": "/data/other"}
    assert signed_in(rita).post(address, form_of(site, **moved)).status_code == 400


def test_without_a_folder_of_models_hub_names_alone_are_taken(
    rita: User, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAMMO_MODELS", raising=False)
    client, address = signed_in(rita), reverse("annotation:campaign-create")
    for place, status in (("evaluation", 400), ("/etc", 400), ("docs/decisions", 400), ("owner/name", 302)):
        answer = client.post(address, form_of(site, name=place, proposer_place=place))
        assert answer.status_code == status, place


def test_services_and_scripts_of_the_server_name_any_path(rita: User, june: User, sena: User) -> None:
    assert scene.open_campaign_of(rita, [june], [sena]).proposer["path"] == "/models/tiny-glm"
