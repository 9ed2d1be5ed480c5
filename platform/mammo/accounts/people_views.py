"""Pages of people, for administrators: who works here, new accounts, roles, passwords and access."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mammo.accounts import people
from mammo.accounts.forms import NewPersonForm, NewRoleForm
from mammo.accounts.keys_of_accounts import standing_keys
from mammo.accounts.models import Membership, Role, User
from mammo.core.errors import UserError
from mammo.core.idempotency import once


def _admin(request: HttpRequest) -> User:
    """The signed-in administrator; anybody else meets no such page."""
    user = request.user
    if not isinstance(user, User) or not user.has_role(Role.ADMIN):
        raise Http404
    return user


@login_required
@require_safe
def people_list(request: HttpRequest) -> HttpResponse:
    """Everybody of the administrator's sites with their roles."""
    admin = _admin(request)
    found = people.people_of(admin)
    sites = set(admin.sites_as(Role.ADMIN).values_list("pk", flat=True))
    rows = [
        (user, [each for each in user.memberships.all() if each.site_id in sites])
        for user in found
    ]  # fmt: skip
    return render(request, "accounts/people.html", {"rows": rows, "several_sites": len(sites) > 1})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def new_person(request: HttpRequest) -> HttpResponse:
    """Make an account. Its first password stands in this one answer and nowhere else."""
    admin = _admin(request)
    form = NewPersonForm(request.POST or None, admin=admin)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        try:
            user, password = people.add_person(
                chosen["username"],
                site=chosen["site"],
                roles=chosen["roles"],
                by_user=admin,
                display_name=chosen["display_name"],
                language=chosen["language"],
                years_of_experience=chosen["years_of_experience"],
            )
        except UserError as error:
            form.add_error("username", str(error))
        else:
            return render(request, "accounts/password_given.html", {"person": user, "password": password})
    status = 400 if form.is_bound else 200
    return render(request, "accounts/new_person.html", {"form": form}, status=status)


@login_required
@require_safe
def person(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """One account: its roles here, and what an administrator can do for it."""
    admin = _admin(request)
    found = _found(admin, user_id)
    sites = set(admin.sites_as(Role.ADMIN).values_list("pk", flat=True))
    context = {
        "person": found,
        "held": [each for each in found.memberships.all() if each.site_id in sites],
        "is_own": found.pk == admin.pk,
        "keys": standing_keys(found),
        "in_hand": people.is_in_hand_of(admin, found),
        "form": NewRoleForm(admin=admin),
    }
    return render(request, "accounts/person.html", context)


@login_required
@require_POST
@once
def give_role(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """One more role."""
    admin = _admin(request)
    found = _found(admin, user_id)
    form = NewRoleForm(request.POST, admin=admin)
    if not form.is_valid():
        raise UserError(_("Choose a role and one of your sites."))
    had_keys = bool(standing_keys(found))
    people.give_role(found, form.cleaned_data["role"], form.cleaned_data["site"], by_user=admin)
    messages.success(request, _("The role is given."))
    if had_keys and not standing_keys(found):
        messages.info(request, _("The tokens of the account ended: this role demands a second factor."))
    return redirect("accounts:person", found.pk)


@login_required
@require_POST
@once
def take_role(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """One role less."""
    admin = _admin(request)
    found = _found(admin, user_id)
    held = Membership.objects.filter(user=found, site__in=admin.sites_as(Role.ADMIN))
    try:
        membership = held.filter(pk=uuid.UUID(request.POST.get("membership", ""))).first()
    except ValueError:
        membership = None
    if membership is None:
        raise UserError(_("This role is not held any more; open the page again."))
    people.take_role(membership, by_user=admin)
    messages.success(request, _("The role is taken away; what was written under it stays."))
    if not held.exists():  # the account is none of this administrator's any more
        return redirect("accounts:people")
    return redirect("accounts:person", found.pk)


@login_required
@require_POST
@once
def renew_password(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """A new password, shown once."""
    admin = _admin(request)
    found = _found(admin, user_id)
    password = people.renew_password(found, by_user=admin)
    return render(request, "accounts/password_given.html", {"person": found, "password": password})


@login_required
@require_POST
@once
def remove_factors(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """The second factors of somebody who lost phone or key."""
    admin = _admin(request)
    found = _found(admin, user_id)
    people.remove_factors(found, reason=request.POST.get("reason", ""), by_user=admin)
    messages.success(
        request, _("The second factors are removed; where a role demands one, a new one is set up.")
    )
    return redirect("accounts:person", found.pk)


@login_required
@require_POST
@once
def set_active(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """Close an account or open it again."""
    admin = _admin(request)
    found = _found(admin, user_id)
    active = request.POST.get("active") == "yes"
    people.set_active(found, active, by_user=admin)
    messages.success(request, _("The account is open again.") if active else _("The account is closed."))
    return redirect("accounts:person", found.pk)


def _found(admin: User, user_id: uuid.UUID) -> User:
    return get_object_or_404(people.people_of(admin), pk=user_id)
