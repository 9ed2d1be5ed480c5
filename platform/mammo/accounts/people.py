"""An administrator's work with people: accounts, roles, passwords and access, at the administrator's own sites."""

import secrets
from collections.abc import Sequence

from axes.utils import reset as forget_failed_sign_ins
from django.db import models, transaction
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.keys_of_accounts import end_keys, end_sign_ins
from mammo.accounts.lockout import as_counted
from mammo.accounts.models import Membership, Role, Site, User
from mammo.accounts.services import create_account, grant_role, remove_second_factors, revoke_role
from mammo.core.errors import NotAllowedError, UserError

# Neither 0 and O nor 1, l and I: it is read aloud and typed once.
LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
GIVEN_LENGTH = 16


def people_of(admin: User) -> models.QuerySet[User]:
    """Accounts that hold a role at a site of this administrator, by name."""
    held = Membership.objects.filter(site__in=admin.sites_as(Role.ADMIN))
    return (
        User.objects.filter(pk__in=held.values("user"), is_superuser=False)
        .prefetch_related("memberships__site")
        .order_by("-is_active", "username")
    )


def is_in_hand_of(admin: User, user: User) -> bool:
    """Whether everything the account may do lies at sites of this administrator, and it is not their own.

    Passwords, second factors and access belong to the whole account: who holds a role elsewhere too is looked
    after there together (or with `manage.py`).
    """
    if user.pk == admin.pk or user.is_superuser:
        return False
    elsewhere = Membership.objects.filter(user=user).exclude(site__in=admin.sites_as(Role.ADMIN))
    return not elsewhere.exists()


def add_person(
    username: str,
    *,
    site: Site,
    roles: Sequence[str],
    by_user: User,
    display_name: str = "",
    language: str = "en",
    years_of_experience: float | None = None,
) -> tuple[User, str]:
    """Make an account with a password that its owner changes at the first sign-in; returns both.

    Raises:
        NotAllowedError: not an administrator of this site.
        UserError: the name is taken, or no role is chosen.
    """
    _require_admin(by_user, site)
    if not roles:
        raise UserError(_("Choose at least one role: without one the account reaches nothing."))
    password = _new_password()
    with transaction.atomic():
        user = create_account(
            username,
            password=password,
            roles={role: [site] for role in roles},
            by_user=by_user,
            display_name=display_name,
            language=language,
            years_of_experience=years_of_experience,
        )
        User.objects.filter(pk=user.pk).update(must_change_password=True)
    user.refresh_from_db()
    return user, password


def give_role(user: User, role: str, site: Site, *, by_user: User) -> None:
    """Give a role at one of the administrator's sites.

    Raises:
        NotAllowedError: not an administrator of this site, or one's own account.
        UserError: there is no such role.
    """
    _require_admin(by_user, site)
    _require_other(by_user, user)
    if role not in Role.values:
        raise UserError(_("%(role)s: there is no such role.") % {"role": role})
    grant_role(user, role, site, by_user=by_user)


def take_role(membership: Membership, *, by_user: User) -> None:
    """Take a role away at one of the administrator's sites; what its holder wrote stays.

    Raises:
        NotAllowedError: not an administrator of this site, or one's own account.
    """
    _require_admin(by_user, membership.site)
    _require_other(by_user, membership.user)
    revoke_role(membership, by_user=by_user)


def renew_password(user: User, *, by_user: User) -> str:
    """Give a password that its owner changes at the next sign-in; ends all sessions, keys and a lockout.

    Raises:
        NotAllowedError: the account is not in this administrator's hand.
    """
    _require_hand(by_user, user)
    password = _new_password()
    with transaction.atomic():
        user.set_password(password)
        user.must_change_password = True
        user.save(update_fields=["password", "must_change_password"])
        forget_failed_sign_ins(username=as_counted(user.username))
        end_keys(user, by_user=by_user, reason="accounts.password_given")
        audit.record("accounts.password_given", by_user=by_user, on=user)
    return password


def remove_factors(user: User, *, reason: str, by_user: User) -> int:
    """Remove the second factors of somebody who lost phone or key; returns how many.

    Raises:
        NotAllowedError: the account is not in this administrator's hand.
        UserError: no reason is given.
    """
    _require_hand(by_user, user)
    if not reason.strip():
        raise UserError(_("Say how you know that it was them who asked."))
    return remove_second_factors(user, by_user=by_user, reason=reason.strip()[:500])


def set_active(user: User, active: bool, *, by_user: User) -> None:
    """Open or close the account; closing ends its sessions and keys for good, its rows stay.

    Raises:
        NotAllowedError: the account is not in this administrator's hand.
    """
    _require_hand(by_user, user)
    with transaction.atomic():
        user.is_active = active
        user.save(update_fields=["is_active"])
        if not active:
            end_sign_ins(user)
            end_keys(user, by_user=by_user, reason="accounts.closed")
        audit.record("accounts.opened" if active else "accounts.closed", by_user=by_user, on=user)


def _new_password() -> str:
    return "".join(secrets.choice(LETTERS) for _letter in range(GIVEN_LENGTH))


def _require_admin(admin: User, site: Site) -> None:
    if not admin.has_role(Role.ADMIN, site=site):
        raise NotAllowedError(_("Only an administrator of this site can do that."))


def _require_other(admin: User, user: User) -> None:
    if admin.pk == user.pk:
        raise NotAllowedError(_("Your own roles are changed by another administrator."))


def _require_hand(admin: User, user: User) -> None:
    if not is_in_hand_of(admin, user):
        raise NotAllowedError(
            _("This account has roles at other sites, or is your own: its administrators there do that.")
        )
