"""Addresses of evaluation."""

from django.urls import path

from evaluation.views import scoring, tables, trials

app_name = "evaluation"
urlpatterns = [
    path("", trials.trials, name="trials"),
    path("trials/<uuid:trial_id>/", trials.trial, name="trial"),
    path("trials/<uuid:trial_id>/answer/", trials.answer, name="answer"),
    path("trials/<uuid:trial_id>/screen/", trials.screen_rule, name="screen-rule"),
    path("trials/<uuid:trial_id>/freeze/", trials.freeze, name="freeze"),
    path("trials/<uuid:trial_id>/open/", trials.open_, name="open"),
    path("trials/<uuid:trial_id>/lock/", trials.lock, name="lock"),
    path("trials/<uuid:trial_id>/unblind/", trials.unblind, name="unblind"),
    path("trials/<uuid:trial_id>/table<int:number>.<slug:kind>", trials.table, name="table"),
    path("tables/", tables.tables, name="tables"),
    path("tables/<uuid:trial_id>/<int:number>/", tables.table_page, name="table-page"),
    path("score/", scoring.scoring, name="scoring"),
    path("score/conditions/<uuid:rater_id>/", scoring.conditions, name="consent"),
    path("score/break/<uuid:rater_id>/", scoring.pause, name="pause"),
    path("score/<uuid:slot_id>/", scoring.form, name="form"),
    path("score/<uuid:slot_id>/save/", scoring.save, name="save"),
    path("score/<uuid:slot_id>/viewer.json", scoring.form_viewer, name="form-viewer"),
    path("score/<uuid:slot_id>/images/<int:number>.dcm", scoring.form_image, name="form-image"),
]
