"""Doctors look at the images of the women whose questions they work on, and of nobody else."""

from django.test import Client

from annotation.models import Campaign, CampaignMember, Question
from mammo.accounts.models import AuditEvent, User
from mammo.archive.models import Image, Study

from .scene import patient_with_study


def _status(user: User, study: Study) -> tuple[int, int]:
    client = Client()
    client.force_login(user)
    image = study.images.first()
    assert image is not None
    described = client.get(f"/archive/studies/{study.pk}/viewer.json")
    return described.status_code, client.get(f"/archive/images/{image.pk}/view.dcm").status_code


def test_a_junior_sees_her_womans_images_and_earlier_ones_but_no_other_womans(
    question: Question, june: User, sena: User
) -> None:
    study = question.study
    assert study is not None
    earlier = patient_with_study(study.site, "P001", "A000")
    stranger = patient_with_study(study.site, "P777", "A777")
    assert earlier.patient_id == study.patient_id
    for doctor in (june, sena):
        assert _status(doctor, study) == (200, 200)
        assert _status(doctor, earlier) == (200, 200)
        assert _status(doctor, stranger) == (404, 404)
    opened = AuditEvent.objects.filter(action="archive.images_opened", actor=june)
    assert set(opened.values_list("object_id", flat=True)) == {str(study.pk), str(earlier.pk)}


def test_who_leaves_the_campaign_sees_nothing_more(
    campaign: Campaign, question: Question, june: User
) -> None:
    assert question.study is not None
    CampaignMember.objects.filter(campaign=campaign, user=june).delete()
    assert _status(june, question.study) == (404, 404)
    assert not Study.objects.viewable_by(june).exists()
    assert not Image.objects.visible_to(june).exists()


def test_a_reader_of_the_archive_needs_no_campaign(question: Question, rita: User, otto: User) -> None:
    assert question.study is not None
    assert _status(rita, question.study) == (200, 200)
    assert _status(otto, question.study) == (404, 404)
