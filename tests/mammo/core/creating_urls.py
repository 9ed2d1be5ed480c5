"""Addresses of the tests of creating POSTs: one view that makes a Site per call."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template import Context, Template
from django.urls import path

from mammo.accounts.models import Site
from mammo.core.errors import UserError
from mammo.core.idempotency import once


@once
def create(request: HttpRequest) -> HttpResponse:
    """Make a site; `how` in the form says how it ends."""
    if request.method == "GET":
        return HttpResponse(Template("{% load idempotency %}{% idempotency_key %}").render(Context()))
    site = Site.objects.create(
        code=f"made-{uuid.uuid4().hex[:20]}", name=request.POST.get("name", ""), key_id=uuid.uuid4()
    )
    if "table" in request.FILES:
        site.name = request.FILES["table"].read().decode()
        site.save()
    if request.POST.get("how") == "error":
        raise UserError("name: not allowed here; choose another")
    if request.POST.get("how") == "invalid":
        return HttpResponse("mend this field", status=422)
    if request.POST.get("how") == "fragment":
        return HttpResponse("<p>made</p>")
    return redirect("shown", site.pk)


def shown(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The page of a site."""
    return HttpResponse(str(pk))


urlpatterns = [
    path("create", create, name="create"),
    path("other", create, name="other"),
    path("shown/<uuid:pk>", shown, name="shown"),
]
