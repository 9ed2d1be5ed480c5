"""Addresses of modeling."""

from django.urls import URLPattern

app_name = "modeling"
urlpatterns: list[URLPattern] = []
