"""Accounts, sites and roles in the admin of superusers; every change is an audit event."""

from typing import TYPE_CHECKING, Any, cast

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from mammo.accounts import audit
from mammo.accounts.keys_of_accounts import end_keys, end_sign_ins
from mammo.accounts.models import AuditEvent, AuditHead, Membership, Site, User
from mammo.accounts.services import grant_role, remove_second_factors, revoke_role
from mammo.core.admin_site import ReadOnlyAdmin, register_read_only

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin


@admin.register(User)
class AccountAdmin(_UserAdmin):
    """Accounts are made, changed and closed; never deleted, since judgements name them."""

    list_display = ("username", "display_name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser", "is_simulated")
    search_fields = ("username", "display_name")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("display_name", "years_of_experience", "breast_training", "language")}),
        (_("Rights"), {"fields": ("is_active", "is_superuser")}),
        (_("Times"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.is_staff = obj.is_superuser
        super().save_model(request, obj, form, change)
        action = "accounts.changed" if change else "accounts.created"
        if not obj.is_active:
            end_sign_ins(obj)
        if not obj.is_active or (obj.is_superuser and "is_superuser" in form.changed_data):
            end_keys(obj, by_user=_by(request), reason=action)
        audit.record(action, by_user=_by(request), on=obj, fields=sorted(form.changed_data))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:  # noqa: A002
        answer = super().user_change_password(request, id, form_url)
        if request.method == "POST" and answer.status_code == 302:
            user = User.objects.get(pk=id)
            audit.record("accounts.password_given", by_user=_by(request), on=user)
            end_keys(user, by_user=_by(request), reason="accounts.password_given")
        return answer


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """A role is given and taken away; it is never turned into another."""

    list_display = ("user", "role", "site", "created_at")
    list_filter = ("role", "site")
    search_fields = ("user__username",)
    autocomplete_fields = ("user",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.pk = grant_role(obj.user, obj.role, obj.site, by_user=_by(request)).pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        revoke_role(obj, by_user=_by(request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for membership in queryset:
            revoke_role(membership, by_user=_by(request))


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Second factors by kind, without their secrets; a lost one is removed so that its owner sets up another."""

    list_display = ("user", "type", "created_at", "last_used_at")
    fields = ("user", "type", "created_at", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        remove_second_factors(obj.user, by_user=_by(request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for user in User.objects.filter(pk__in=queryset.values("user")):
            remove_second_factors(user, by_user=_by(request))


def _by(request: HttpRequest) -> User:
    return cast(User, request.user)


register_read_only(Site, AuditEvent, AuditHead)
