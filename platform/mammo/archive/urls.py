"""Addresses of archive."""

from django.urls import path

from mammo.archive import views

app_name = "archive"
urlpatterns = [
    path("studies/<uuid:study_id>/viewer.json", views.viewer, name="viewer"),
    path("images/<uuid:image_id>/view.dcm", views.image, name="image"),
    path("imports/", views.imports, name="imports"),
    path("imports/<uuid:batch_id>/", views.import_batch, name="import-batch"),
]
