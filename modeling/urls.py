"""Addresses of modeling."""

from django.urls import path

from modeling.views import consultations, exports, runs, starting, training_sets

app_name = "modeling"
urlpatterns = [
    path("runs/", runs.run_list, name="run-list"),
    path("runs/new/", starting.new_run, name="run-new"),
    path("snapshots/new/", starting.new_snapshot, name="snapshot-new"),
    path("snapshots/<uuid:snapshot_id>/", training_sets.snapshot_page, name="snapshot"),
    path("runs/compare/", runs.compare, name="compare"),
    path("runs/<uuid:run_id>/", runs.run_page, name="run"),
    path("runs/<uuid:run_id>/repeat/", runs.repeat, name="repeat"),
    path("checkpoints/<uuid:checkpoint_id>/export/", exports.ask, name="export-ask"),
    path("exports/", exports.export_list, name="exports"),
    path("exports/<uuid:release_id>/decide/", exports.decide, name="export-decide"),
    path("exports/<uuid:release_id>/weights/", exports.take, name="export-take"),
    path("consultations/", consultations.consultation_list, name="consultations"),
    path("consultations/<uuid:consultation_id>/", consultations.consultation_page, name="consultation"),
    path("consultations/<uuid:consultation_id>/ask/", consultations.ask, name="consultation-ask"),
    path("turns/<uuid:turn_id>/stream/", consultations.stream, name="turn-stream"),
    path("turns/<uuid:turn_id>/stop/", consultations.stop, name="turn-stop"),
    path("turns/<uuid:turn_id>/remark/", consultations.remark, name="turn-remark"),
]
