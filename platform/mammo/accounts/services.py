"""Making sites, accounts and roles; each an audit event."""

import re
from collections.abc import Iterable, Mapping

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.keys_of_accounts import end_keys, end_sign_ins
from mammo.accounts.models import Membership, Role, Site, User
from mammo.core.demo_accounts import signins_path
from mammo.core.errors import UserError
from mammo.core.keys import key_store


def create_site(code: str, name: str, *, by_user: User | None, is_simulated: bool = False) -> Site:
    """Make a hospital with a key of its own.

    Raises:
        UserError: the code is taken, or holds other characters than a short name may; or a demo lies in this
            MAMMO_HOME, and the hospital is a real one.
    """
    if not is_simulated and (settings.MAMMO_DEMO or signins_path().exists()):
        raise UserError(
            _(
                "MAMMO_HOME=%(home)s holds a demo, whose passwords everybody knows: set MAMMO_HOME to another folder, "
                "run `manage.py migrate`, and make the hospital there"
            )
            % {"home": settings.MAMMO_HOME}
        )
    if not re.fullmatch(r"[-a-zA-Z0-9_]{1,32}", code):
        raise UserError(_("site code %(code)r: use up to 32 letters, digits, - and _") % {"code": code})
    if Site.objects.filter(code=code).exists():
        raise UserError(_("site %(code)r exists already; choose another code") % {"code": code})
    with transaction.atomic():
        site = Site.objects.create(
            code=code, name=name, key_id=key_store().create(), is_simulated=is_simulated
        )
        audit.record("accounts.site_created", by_user=by_user, on=site, site=site)
    return site


def site_by_code(code: str) -> Site:
    """Return the site of this code.

    Raises:
        UserError: there is none; lists those that exist.
    """
    found = Site.objects.filter(code=code).first()
    if found is None:
        known = ", ".join(Site.objects.order_by("code").values_list("code", flat=True)) or "none yet"
        raise UserError(
            _("--site %(code)s: no such site; known: %(known)s (make one with `manage.py create_site`)")
            % {"code": code, "known": known}
        )
    return found


def create_account(
    username: str,
    *,
    password: str,
    roles: Mapping[str, Iterable[Site]],
    by_user: User | None,
    display_name: str = "",
    language: str = "en",
    years_of_experience: float | None = None,
    breast_training: str = "",
    is_simulated: bool = False,
) -> User:
    """Make an account and give it roles at sites.

    Raises:
        UserError: the name is taken, or a role is unknown.
    """
    unknown = sorted(set(roles) - set(Role.values))
    if unknown:
        raise UserError(
            _("unknown role %(unknown)r; known: %(known)s")
            % {"unknown": unknown[0], "known": ", ".join(Role.values)}
        )
    if User.objects.filter(username=username).exists():
        raise UserError(
            _("account %(username)r exists already; choose another name") % {"username": username}
        )
    with transaction.atomic():
        user = User.objects.create_user(
            username,
            password=password,
            display_name=display_name,
            language=language,
            years_of_experience=years_of_experience,
            breast_training=breast_training,
            is_simulated=is_simulated,
        )
        for role, sites in roles.items():
            for site in sites:
                grant_role(user, role, site, by_user=by_user)
        audit.record("accounts.created", by_user=by_user, on=user)
    return user


def grant_role(user: User, role: str, site: Site, *, by_user: User | None) -> Membership:
    """Give an account a role at a site (nothing happens when it holds it already).

    The first role that demands a second factor ends the account's keys: they were made with a password alone.
    """
    demanding = set(settings.MAMMO_SECOND_FACTOR_ROLES)
    with transaction.atomic():
        is_first = role in demanding and not user.is_superuser and not user.roles & demanding
        membership, made = Membership.objects.get_or_create(user=user, site=site, role=role)
        if made:
            if is_first:
                end_keys(user, by_user=by_user, reason="accounts.role_granted")
            audit.record("accounts.role_granted", by_user=by_user, on=user, site=site, role=role)
    return membership


def revoke_role(membership: Membership, *, by_user: User | None) -> None:
    """Take a role away from an account at a site."""
    with transaction.atomic():
        user, site, role = membership.user, membership.site, membership.role
        membership.delete()
        audit.record("accounts.role_revoked", by_user=by_user, on=user, site=site, role=role)


def remove_second_factors(user: User, *, by_user: User | None, reason: str = "") -> int:
    """Remove all second factors of an account (phone or key lost); returns how many.

    Its sign-ins and keys end, in whoever's hand they are; where the role demands a factor, the next sign-in leads to
    setting it up anew.
    """
    with transaction.atomic():
        removed: int = Authenticator.objects.filter(user_id=user.pk).delete()[0]
        end_sign_ins(user)
        end_keys(user, by_user=by_user, reason="accounts.second_factors_removed")
        audit.record(
            "accounts.second_factors_removed", by_user=by_user, on=user, reason=reason, removed=removed
        )
    return removed
