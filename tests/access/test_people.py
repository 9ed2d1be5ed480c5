"""An administrator's pages of people: accounts, roles, passwords, access; only at their own sites."""

import re
import uuid
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from mammo.accounts.models import AuditEvent, Membership, Role, Site, User
from mammo.accounts.services import create_account, grant_role
from mammo.api.tokens import create_token

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def adam(site: Site) -> User:
    return create_account("adam", password=PASSWORD, roles={"admin": [site]}, by_user=None)


@pytest.fixture
def browser(adam: User) -> Client:
    client = Client()
    client.force_login(adam)
    return client


def post(client: Client, address: str, **fields: Any) -> Any:
    return client.post(address, {"idempotency_key": str(uuid.uuid4()), **fields})


def signs_in(client: Client, password: str) -> bool:
    """Through the page, as people do."""
    client.post("/accounts/login/", {"login": "lin", "password": password})
    return "_auth_user_id" in client.session


def given(answer: Any) -> str:
    found = re.search(r'id="secret" value="([^"]+)"', answer.content.decode())
    assert found is not None
    return found[1]


def make_lin(browser: Client, site: Site) -> tuple[User, str]:
    answer = post(
        browser, "/accounts/people/new/",
        username="lin", display_name="Lin Hua", site=site.pk, roles=["junior", "author"], language="zh-hans",
        years_of_experience="4.5",
    )  # fmt: skip
    assert answer.status_code == 200
    return User.objects.get(username="lin"), given(answer)


def test_an_account_is_made_and_its_owner_chooses_the_password(browser: Client, site: Site) -> None:
    lin, password = make_lin(browser, site)
    assert lin.roles == {"junior", "author"}
    assert float(lin.years_of_experience or 0) == 4.5
    own = Client()
    assert signs_in(own, password)
    for address in ("/", "/annotation/correct/"):
        assert own.get(address).headers["Location"] == "/accounts/password/change/"
    assert own.get("/api/v1/questions/").status_code == 403
    assert own.get("/accounts/password/change/").status_code == 200
    short = {"oldpassword": password, "password1": "too short", "password2": "too short"}
    own.cookies[settings.LANGUAGE_COOKIE_NAME] = "zh-hans"
    body = own.post("/accounts/password/change/", short).content.decode()
    assert "密码过短：至少需要 12 个字符。" in body
    assert "at least" not in body
    del own.cookies[settings.LANGUAGE_COOKIE_NAME]
    changed = own.post(
        "/accounts/password/change/",
        {
            "oldpassword": password,
            "password1": "a longer one of my own",
            "password2": "a longer one of my own",
        },
    )
    assert changed.status_code == 302
    assert own.get("/").status_code == 200
    assert AuditEvent.objects.filter(action="accounts.created", object_id=str(lin.pk)).exists()


def test_a_name_that_is_taken_and_an_account_without_roles_are_told(browser: Client, site: Site) -> None:
    again = {"display_name": "A", "site": site.pk, "roles": ["junior"], "language": "en"}
    taken = post(browser, "/accounts/people/new/", username="adam", **again)
    assert taken.status_code == 400
    assert "exists already" in taken.content.decode()
    none = post(browser, "/accounts/people/new/", username="new", **{**again, "roles": []})
    assert none.status_code == 400
    assert not User.objects.filter(username="new").exists()


def test_roles_come_and_go(browser: Client, site: Site) -> None:
    lin, _password = make_lin(browser, site)
    assert post(browser, f"/accounts/people/{lin.pk}/role/", role="senior", site=site.pk).status_code == 302
    assert lin.roles == {"junior", "author", "senior"}
    held = Membership.objects.get(user=lin, role="author")
    assert post(browser, f"/accounts/people/{lin.pk}/role/take/", membership=held.pk).status_code == 302
    assert lin.roles == {"junior", "senior"}
    assert post(browser, f"/accounts/people/{lin.pk}/role/take/", membership=held.pk).status_code == 400


def test_a_new_password_ends_sessions_and_a_closed_account_its_tokens(browser: Client, site: Site) -> None:
    lin, _password = make_lin(browser, site)
    User.objects.filter(pk=lin.pk).update(must_change_password=False)
    own = Client()
    own.force_login(lin)
    assert own.get("/").status_code == 200
    renewed = given(post(browser, f"/accounts/people/{lin.pk}/password/"))
    assert own.get("/").status_code == 302
    assert signs_in(Client(), renewed)
    _token, secret = create_token(lin, "one", scopes=["read:annotation"], days=5, by_user=lin)
    bearer = {"Authorization": f"Bearer {secret}"}
    assert Client().get("/api/v1/questions/", headers=bearer).status_code == 200
    assert post(browser, f"/accounts/people/{lin.pk}/active/", active="no").status_code == 302
    assert not signs_in(Client(), renewed)
    assert Client().get("/api/v1/questions/", headers=bearer).status_code == 401
    post(browser, f"/accounts/people/{lin.pk}/active/", active="yes")
    assert signs_in(Client(), renewed)
    assert Client().get("/api/v1/questions/", headers=bearer).status_code == 401, "closed for good"


def token_of(user: User) -> dict[str, str]:
    """A token that reads questions, as a program shows it."""
    _token, secret = create_token(user, "script", scopes=["read:annotation"], days=5, by_user=user)
    return {"Authorization": f"Bearer {secret}"}


def opens(headers: dict[str, str]) -> bool:
    return Client().get("/api/v1/questions/", headers=headers).status_code == 200


def test_tokens_stand_on_the_page_and_end_with_the_password(browser: Client, site: Site) -> None:
    lin, _password = make_lin(browser, site)
    User.objects.filter(pk=lin.pk).update(must_change_password=False)
    bearer = token_of(lin)
    assert opens(bearer)
    page = browser.get(f"/accounts/people/{lin.pk}/").content.decode()
    assert "script" in page
    assert "read:annotation" in page
    post(browser, f"/accounts/people/{lin.pk}/password/")
    User.objects.filter(pk=lin.pk).update(must_change_password=False)
    assert not opens(bearer)
    assert "read:annotation" not in browser.get(f"/accounts/people/{lin.pk}/").content.decode()
    assert AuditEvent.objects.get(action="api.token_revoked").details["because"] == "accounts.password_given"


def test_who_lost_a_phone_is_signed_out_everywhere_and_keeps_no_token(
    browser: Client, site: Site, june: User
) -> None:
    lin, _password = make_lin(browser, site)
    User.objects.filter(pk=lin.pk).update(must_change_password=False)
    bearer, thief, other = token_of(lin), Client(), Client()
    thief.force_login(lin)  # with the factor that is taken away now
    other.force_login(june)
    post(browser, f"/accounts/people/{lin.pk}/second-factors/", reason="came to my desk")
    assert thief.get("/accounts/session/").status_code == 401
    assert not opens(bearer)
    assert other.get("/accounts/session/").status_code == 200
    assert browser.get("/accounts/people/").status_code == 200


def test_the_first_role_that_demands_a_second_factor_ends_tokens_made_without_one(
    browser: Client, site: Site, other_site: Site
) -> None:
    lin, _password = make_lin(browser, site)
    User.objects.filter(pk=lin.pk).update(must_change_password=False)
    bearer = token_of(lin)
    post(browser, f"/accounts/people/{lin.pk}/role/", role="senior", site=site.pk)
    assert opens(bearer)
    post(browser, f"/accounts/people/{lin.pk}/role/", role="researcher", site=site.pk)
    assert not opens(bearer)
    assert "The tokens of the account ended" in browser.get(f"/accounts/people/{lin.pk}/").content.decode()
    later = token_of(lin)  # now behind the second factor
    grant_role(lin, Role.DATA_MANAGER, other_site, by_user=None)
    assert opens(later)


def test_second_factors_are_removed_for_a_reason(browser: Client, site: Site) -> None:
    lin, _password = make_lin(browser, site)
    assert post(browser, f"/accounts/people/{lin.pk}/second-factors/", reason=" ").status_code == 400
    assert (
        post(browser, f"/accounts/people/{lin.pk}/second-factors/", reason="came to my desk").status_code
        == 302
    )
    assert AuditEvent.objects.get(action="accounts.second_factors_removed").reason == "came to my desk"


def test_nobody_changes_their_own_account_nor_one_that_works_elsewhere_too(
    browser: Client, adam: User, site: Site, other_site: Site
) -> None:
    lin, _password = make_lin(browser, site)
    grant_role(lin, Role.SENIOR, other_site, by_user=None)
    for act in ("password", "active", "second-factors"):
        for user in (lin, adam):
            fields = {"reason": "asked", "active": "no"}
            assert post(browser, f"/accounts/people/{user.pk}/{act}/", **fields).status_code == 404, act
    assert (
        post(browser, f"/accounts/people/{adam.pk}/role/", role="researcher", site=site.pk).status_code == 404
    )
    assert (
        post(browser, f"/accounts/people/{lin.pk}/role/", role="author", site=other_site.pk).status_code
        == 400
    )
    elsewhere = Membership.objects.get(user=lin, site=other_site)
    taken = post(browser, f"/accounts/people/{lin.pk}/role/take/", membership=elsewhere.pk)
    assert taken.status_code == 400
    assert lin.has_role("senior", site=other_site)
    assert "other sites too" in browser.get(f"/accounts/people/{lin.pk}/").content.decode()


def test_people_of_other_sites_and_superusers_are_unknown(browser: Client, other_site: Site) -> None:
    stranger = create_account("stranger", password=PASSWORD, roles={"junior": [other_site]}, by_user=None)
    root = User.objects.create_superuser("root", password=PASSWORD)
    assert "stranger" not in browser.get("/accounts/people/").content.decode()
    for user in (stranger, root):
        assert browser.get(f"/accounts/people/{user.pk}/").status_code == 404
        assert post(browser, f"/accounts/people/{user.pk}/password/").status_code == 404
