"""A report that waits for a data manager meets neither the people of a campaign nor a model."""

from django.test import Client
from django.urls import reverse

from annotation.models import ProposerContext, Question
from annotation.presentation import case_of
from annotation.services.study_context import context_text, facts_of
from mammo.accounts.models import User
from mammo.archive.models import Report

WAITS = "waits for a data manager"


def test_a_junior_meets_the_report_once_a_person_has_read_it(question: Question, june: User) -> None:
    assert question.study is not None
    report = question.study.reports.get()
    client = Client()
    client.force_login(june)
    address = reverse("annotation:correct", args=[question.pk])
    for reading in ({"confidence": 0.5}, {"confidence": 1.0, "may_hold_a_name": True}):
        Report.objects.filter(pk=report.pk).update(reading=reading)
        page = client.get(address).content.decode()
        assert WAITS in page
        assert report.cleaned not in page
        assert case_of(question)["report"] == ""
        for context in (ProposerContext.FULL, ProposerContext.BLANKED):
            assert context_text(question.study, context, "zh") == ""
    Report.objects.filter(pk=report.pk).update(reading={"confidence": 1.0})
    page = client.get(address).content.decode()
    assert WAITS not in page
    assert report.cleaned in page
    assert context_text(question.study, ProposerContext.FULL, "zh") == report.cleaned


def test_labels_that_were_read_from_it_are_shown_nowhere_until_then_and_others_are(
    question: Question, june: User
) -> None:
    study = question.study
    assert study is not None
    study.density, study.birads_left, study.birads_right, study.age = "D", "4A", "2", 51
    read = ("birads_left", "birads_right", "birads_overall")
    study.label_sources = {"density": "table", **dict.fromkeys(read, "report")}
    study.save()
    Report.objects.filter(study=study).update(reading={"confidence": 0.5})
    question = Question.objects.get(pk=question.pk)
    shown = case_of(question)["study"]
    assert (shown.density, shown.birads_left, shown.birads_right, shown.age) == ("D", "", "", 51)
    client = Client()
    client.force_login(june)
    assert "4A</dd>" not in client.get(reverse("annotation:correct", args=[question.pk])).content.decode()
    assert context_text(question.study, ProposerContext.FIELDS, "en") == "Age: 51\nBreast density: D"
    assert (facts_of(question).density, facts_of(question).birads_left) == ("D", "")
    Report.objects.filter(study=study).update(reading={"confidence": 1.0})
    assert case_of(question)["study"].birads_left == "4A"
    assert "BI-RADS, left breast: 4A" in context_text(question.study, ProposerContext.FIELDS, "en")
