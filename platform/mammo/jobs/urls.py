"""Addresses of jobs."""

from django.urls import path

from mammo.jobs import views

app_name = "jobs"
urlpatterns = [
    path("", views.job_list, name="list"),
    path("seen/", views.seen, name="seen"),
    path("<uuid:job_id>/", views.job_page, name="job"),
    path("<uuid:job_id>/cancel/", views.cancel, name="cancel"),
    path("<uuid:job_id>/retry/", views.retry, name="retry"),
]
