"""Addresses of archive."""

from django.urls import path

from mammo.archive.views import (
    cohorts,
    erasures,
    imports,
    overview,
    quarantine,
    splits,
    stow,
    studies,
    uploads,
    viewer,
)

app_name = "archive"
urlpatterns = [
    path("studies/", studies.studies, name="studies"),
    path("studies/<uuid:study_id>/", studies.study, name="study"),
    path("studies/<uuid:study_id>/labels/", studies.labels, name="study-labels"),
    path("reports/<uuid:report_id>/as-received/", studies.raw_report, name="raw-report"),
    path("overview/", overview.overview, name="overview"),
    path("overview/<slug:name>.csv", overview.table_csv, name="overview-table"),
    path("cohorts/", cohorts.cohorts, name="cohorts"),
    path("cohorts/save/", cohorts.save, name="cohort-save"),
    path("cohorts/<uuid:cohort_id>/", cohorts.cohort, name="cohort"),
    path("cohorts/<uuid:cohort_id>/baseline.csv", cohorts.baseline_csv, name="cohort-baseline"),
    path("splits/", splits.splits, name="splits"),
    path("splits/create/", splits.create, name="split-create"),
    path("splits/<uuid:split_id>/", splits.split, name="split"),
    path("splits/<uuid:split_id>/freeze/", splits.freeze, name="split-freeze"),
    path("studies/<uuid:study_id>/viewer.json", viewer.viewer, name="viewer"),
    path("images/<uuid:image_id>/view.dcm", viewer.image, name="image"),
    path("images/<uuid:image_id>/thumbnail.png", viewer.thumbnail, name="thumbnail"),
    path("dicomweb/studies", stow.store, name="stow"),
    path("dicomweb/studies/<str:study_uid>", stow.store, name="stow-study"),
    path("erasures/", erasures.erasures, name="erasures"),
    path("erasures/request/", erasures.request_erasure, name="request-erasure"),
    path("erasures/<uuid:erasure_id>/confirm/", erasures.confirm_erasure, name="confirm-erasure"),
    path("imports/", imports.imports, name="imports"),
    path("imports/upload/", uploads.upload, name="upload"),
    path("imports/upload/<uuid:number>/", uploads.piece, name="upload-piece"),
    path("imports/upload/<uuid:number>/finish/", uploads.finish, name="upload-finish"),
    path("imports/waiting/", imports.waiting, name="imports-waiting"),
    path("quarantine/", quarantine.queue, name="quarantine"),
    path("quarantine/<uuid:item_id>/", quarantine.item, name="quarantine-item"),
    path("quarantine/<uuid:item_id>/decide/", quarantine.decide, name="quarantine-decide"),
    path("imports/<uuid:batch_id>/", imports.import_batch, name="import-batch"),
]
