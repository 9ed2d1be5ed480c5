"""Addresses of modeling."""

from django.urls import path

from modeling import views

app_name = "modeling"
urlpatterns = [
    path("runs/", views.run_list, name="run-list"),
    path("runs/<uuid:run_id>/", views.run_page, name="run"),
]
