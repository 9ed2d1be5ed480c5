"""Django's admin for superusers: what rooms register as `ReadOnlyAdmin` is looked at, never changed.

Nobody else learns that it is there. Patients' texts are no matter of an administrator of the machine: columns
that are encrypted at rest are left out of every page.
"""

from functools import update_wrapper
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from mammo.core.encryption import EncryptedTextField

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin


REPLACED = ("allauth.", "django.contrib.auth.")


class SuperuserAdminSite(admin.AdminSite):
    """Signed-out people are led to the one sign-in page; everybody else but superusers gets 404."""

    site_header = site_title = "MammoVLM"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register, but for pages that packages bring for accounts and second factors: ours stand there."""
        if admin_class is None or not admin_class.__module__.startswith(REPLACED):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Active superusers, and no other staff."""
        return request.user.is_active and bool(getattr(request.user, "is_superuser", False))

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Guard a view of the admin."""
        guarded = super().admin_view(view, cacheable)

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if self.has_permission(request):
                return guarded(request, *args, **kwargs)
            if request.user.is_authenticated:
                raise Http404
            return redirect_to_login(request.get_full_path())

        return update_wrapper(inner, view)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one sign-in page, and it asks for the second factor."""
        return redirect("admin:index")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """There is one page for it."""
        return redirect("account_change_password")


def encrypted_columns(model: type[models.Model]) -> list[str]:
    """Names of the model's columns that are encrypted at rest."""
    return [f.name for f in model._meta.get_fields() if isinstance(f, EncryptedTextField)]


class ReadOnlyAdmin(_ModelAdmin):
    """Rows are listed and looked at without their encrypted texts; nothing is added, changed or deleted."""

    show_full_result_count = False
    list_per_page = 50

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        return encrypted_columns(self.model)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer(*encrypted_columns(self.model))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(getattr(request.user, "is_superuser", False))


def register_read_only(*registered: type[models.Model]) -> None:
    """Let superusers look at the rows of these models."""
    for model in registered:
        columns = ["__str__", *(name for name in ("created_at",) if hasattr(model, name))]
        kind = type(f"{model.__name__}Admin", (ReadOnlyAdmin,), {"list_display": columns})
        admin.site.register(model, kind)
