"""Addresses of accounts beside allauth's own: the session, the audit trail; and what stays closed of allauth's."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.generic import TemplateView

from mammo.accounts import people_views, views

app_name = "accounts"


def closed(request: HttpRequest) -> HttpResponse:
    """Signing up, e-mail addresses and passwords by mail: an administrator makes accounts, nobody else."""
    raise Http404


urlpatterns = [
    path("session/", views.session, name="session"),
    path("audit/", views.audit_trail, name="audit"),
    path("audit/verify/", views.verify_trail, name="audit-verify"),
    path("people/", people_views.people_list, name="people"),
    path("people/new/", people_views.new_person, name="new-person"),
    path("people/<uuid:user_id>/", people_views.person, name="person"),
    path("people/<uuid:user_id>/role/", people_views.give_role, name="give-role"),
    path("people/<uuid:user_id>/role/take/", people_views.take_role, name="take-role"),
    path("people/<uuid:user_id>/password/", people_views.renew_password, name="renew-password"),
    path("people/<uuid:user_id>/second-factors/", people_views.remove_factors, name="remove-factors"),
    path("people/<uuid:user_id>/active/", people_views.set_active, name="set-active"),
    path(
        "password/reset/",
        TemplateView.as_view(template_name="account/password_reset.html"),
        name="password-forgotten",
    ),
    re_path(
        r"^(?:signup|email|confirm-email|password/set|password/reset/.+|login/code)(?:/|$)",
        closed,
        name="closed",
    ),
]
