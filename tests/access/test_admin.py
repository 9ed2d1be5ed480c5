"""Django's admin: for superusers alone; judgements and texts are looked at without their words, never changed."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from mammo.accounts.models import AuditEvent, Membership, User
from mammo.core.admin_site import ReadOnlyAdmin, SuperuserAdminSite, encrypted_columns
from tests.annotation import scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", password="correct horse battery")


@pytest.fixture
def as_root(client: Client, root: User) -> Client:
    client.force_login(root)
    return client


@pytest.mark.parametrize("name", ["june", "rita", "dana"])
def test_nobody_else_learns_that_it_is_there(
    request: pytest.FixtureRequest, client: Client, name: str
) -> None:
    person = request.getfixturevalue(name)
    person.is_staff = True  # staff that is no superuser is nobody here
    person.save()
    client.force_login(person)
    for address in ("/admin/", "/admin/accounts/user/", "/admin/nothing/", "/admin/annotation/pick/"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert answer.content.count(b"Django") == 0


def test_signing_in_goes_by_the_one_page(client: Client, as_root: Client) -> None:
    stranger = Client()
    assert stranger.get("/admin/").headers["Location"] == "/accounts/login/?next=/admin/"
    assert stranger.get("/admin/login/").headers["Location"] == "/admin/"
    assert (
        stranger.post("/admin/login/", {"username": "root", "password": "correct horse battery"}).status_code
        == 302
    )
    assert "_auth_user_id" not in stranger.session


def test_the_site_is_ours_and_every_room_has_its_rows_there() -> None:
    assert isinstance(admin.site, SuperuserAdminSite)
    for label in ("annotation", "modeling", "evaluation", "archive", "jobs"):
        for model in apps.get_app_config(label).get_models():
            if not model._meta.auto_created and admin.site.is_registered(model):
                assert isinstance(admin.site.get_model_admin(model), ReadOnlyAdmin), model
    for label in ("annotation.Correction", "annotation.Pick", "evaluation.Score", "accounts.AuditEvent"):
        assert admin.site.is_registered(apps.get_model(label))


def test_every_model_that_is_written_once_or_holds_texts_is_read_only(root: User, rf: RequestFactory) -> None:
    request = rf.get("/")
    request.user = root
    for model, page in admin.site._registry.items():
        if getattr(model, "append_only", False) or encrypted_columns(model):
            assert not page.has_add_permission(request), model
            assert not page.has_change_permission(request), model
            assert not page.has_delete_permission(request), model
            assert not set(encrypted_columns(model)) & {
                name for _, group in page.get_fieldsets(request) for name in group["fields"]
            }


def test_a_judgement_is_seen_without_its_words_and_takes_no_change(
    as_root: Client, june: User, rita: User, sena: User
) -> None:
    scene.patient_with_study(rita.sites_as("researcher").get())
    campaign = scene.open_campaign_of(rita, [june], [sena])
    (question,) = scene.ask(campaign, scene.row())
    scene.propose(campaign, [question])
    scene.settle(question, june)
    correction = question.proposals.first().corrections.get()
    address = reverse("admin:annotation_correction_change", args=[correction.pk])
    page = as_root.get(address)
    assert page.status_code == 200
    assert correction.text not in page.content.decode()
    assert "已核对" not in page.content.decode()
    assert as_root.post(address, {"edit_distance": 99}).status_code == 403
    assert (
        as_root.post(reverse("admin:annotation_correction_delete", args=[correction.pk])).status_code == 403
    )
    assert as_root.get(reverse("admin:annotation_correction_changelist")).status_code == 200
    assert as_root.get(reverse("admin:annotation_question_change", args=[question.pk])).status_code == 200


def test_a_role_given_or_taken_there_is_in_the_trail(
    as_root: Client, root: User, june: User, site: Any
) -> None:
    as_root.post("/admin/accounts/membership/add/", {"user": june.pk, "site": site.pk, "role": "senior"})
    given = AuditEvent.objects.filter(action="accounts.role_granted", actor=root).get()
    assert (given.object_id, given.details) == (str(june.pk), {"role": "senior"})
    membership = Membership.objects.get(user=june, role="senior")
    as_root.post(f"/admin/accounts/membership/{membership.pk}/delete/", {"post": "yes"})
    assert not june.has_role("senior")
    assert AuditEvent.objects.filter(
        action="accounts.role_revoked", actor=root, object_id=str(june.pk)
    ).exists()


def test_an_account_is_closed_not_deleted_and_that_is_in_the_trail(
    as_root: Client, root: User, june: User
) -> None:
    address = f"/admin/accounts/user/{june.pk}/"
    form = {
        "username": "june",
        "display_name": "June",
        "language": "en",
        "breast_training": "",
        "years_of_experience": "",
    }
    assert as_root.post(f"{address}change/", form).status_code == 302
    june.refresh_from_db()
    assert not june.is_active
    event = AuditEvent.objects.get(action="accounts.changed", actor=root)
    assert "is_active" in event.details["fields"]
    assert as_root.post(f"{address}delete/", {"post": "yes"}).status_code == 403
