"""Addresses of annotation, grouped by noun."""

from django.urls import path

from annotation import views

app_name = "annotation"
urlpatterns = [
    path("correct/", views.correct_list, name="correct-list"),
    path("correct/next/", views.next_question, {"purpose": "correct"}, name="correct-next"),
    path("correct/<uuid:question_id>/", views.correct, name="correct"),
    path("correct/<uuid:question_id>/submit/", views.submit_correction, name="correct-submit"),
    path("correct/<uuid:question_id>/draft/", views.save_correction_draft, name="correct-draft"),
    path("pick/", views.pick_list, name="pick-list"),
    path("pick/next/", views.next_question, {"purpose": "pick"}, name="pick-next"),
    path("pick/<uuid:question_id>/", views.pick, name="pick"),
    path("pick/<uuid:question_id>/submit/", views.submit_pick, name="pick-submit"),
    path("pick/<uuid:question_id>/return/", views.return_question, name="return"),
    path("pick/<uuid:question_id>/draft/", views.save_pick_draft, name="pick-draft"),
    path("campaigns/", views.campaign_list, name="campaign-list"),
    path("campaigns/<uuid:campaign_id>/propose/", views.propose, name="propose"),
]
