"""Addresses under /api/: the rooms' viewsets behind one router, the schema, its page, and the page of tokens."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.routers import SimpleRouter

from annotation import api as annotation
from annotation import api_rooms as annotation_rooms
from annotation import api_viewsets as annotation_work
from annotation import api_wordings as annotation_wordings
from evaluation import api as evaluation
from evaluation import api_design as evaluation_design
from evaluation import api_studies as evaluation_studies
from mammo.api import accounts, pages
from mammo.api.errors import unknown_address
from mammo.archive import api as archive
from mammo.jobs import api as jobs
from modeling import api as modeling

router = SimpleRouter(use_regex_path=False)
for prefix, viewset in (
    ("sites", accounts.SiteViewSet),
    ("studies", archive.StudyViewSet),
    ("images", archive.ImageViewSet),
    ("imports", archive.ImportViewSet),
    ("jobs", jobs.JobViewSet),
    ("campaigns", annotation_work.CampaignViewSet),
    ("questions", annotation_work.QuestionViewSet),
    ("wordings", annotation_wordings.WordingViewSet),
    ("proposals", annotation.ProposalViewSet),
    ("corrections", annotation.CorrectionViewSet),
    ("picks", annotation.PickViewSet),
    ("exports", annotation_work.ExportViewSet),
    ("uploads", annotation_rooms.UploadViewSet),
    ("skips", annotation_rooms.SkipViewSet),
    ("flags", annotation_rooms.FlagViewSet),
    ("phrases", annotation_rooms.PhraseViewSet),
    ("news", annotation_rooms.NewsViewSet),
    ("endpoints", annotation_rooms.EndpointViewSet),
    ("snapshots", modeling.SnapshotViewSet),
    ("runs", modeling.RunViewSet),
    ("checkpoints", modeling.CheckpointViewSet),
    ("protocols", evaluation_studies.ProtocolViewSet),
    ("trials", evaluation_design.TrialViewSet),
    ("reader-studies", evaluation_studies.ReaderStudyViewSet),
    ("arms", evaluation.ArmViewSet),
    ("forms", evaluation.FormViewSet),
    ("scores", evaluation.ScoreViewSet),
):
    router.register(prefix, viewset, basename=prefix)

app_name = "api"
urlpatterns = [
    path("v1/me/", accounts.MeViewSet.as_view({"get": "retrieve"}), name="me"),
    path("v1/", include(router.urls)),
    path("v1/schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    path("docs/", pages.documentation, name="docs"),
    path("tokens/", pages.tokens, name="tokens"),
    path("tokens/new/", pages.new_token, name="new-token"),
    path("tokens/<uuid:token_id>/revoke/", pages.revoke, name="revoke-token"),
    re_path(r"^v1/(?P<rest>.*)$", unknown_address, name="unknown"),
]
