"""Reasons of an import in the reader's language.

They are written in English where a file is judged, often in a process without Django, and stored as they are; here a
stored reason is recognised by its template and said in the language of the page. What no template knows stays as it is.
"""

import re
from functools import lru_cache

from django.utils.translation import gettext, gettext_noop

TEMPLATES: tuple[str, ...] = (
    gettext_noop("imported earlier"),
    gettext_noop("a data manager refused this file earlier"),
    gettext_noop("a person saw text on the stored picture"),
    gettext_noop("a person saw text on the stored picture, and the site keeps no originals: it was removed"),
    gettext_noop("this patient withdrew: her data was erased and is not imported again"),
    gettext_noop("this patient withdrew: her data was erased"),
    gettext_noop("an image with this SOPInstanceUID but other bytes was imported earlier"),
    gettext_noop("its StudyInstanceUID belongs to another patient"),
    # What the file is.
    gettext_noop("neither DICOM (no DICM mark) nor PNG nor PGM; send it again, or leave it out"),
    gettext_noop("not DICOM (no DICM mark): it does not say whose it is"),
    gettext_noop("neither PatientID nor StudyInstanceUID: it does not say whose it is"),
    gettext_noop("nothing says which view it is"),
    gettext_noop("a tomosynthesis volume: only two-dimensional views are read here"),
    gettext_noop("a stereotactic image of a biopsy, not an examination view"),
    gettext_noop("FOR PROCESSING: raw detector data is not for reading; send the FOR PRESENTATION image"),
    gettext_noop("a secondary capture (screen copy or digitised film) may show identifying text"),
    gettext_noop("not a digital mammogram for presentation (modality %(modality)s)"),
    gettext_noop("the labels table says %(named)s, the file says %(stated)s"),
    gettext_noop("%(source)s says %(side)s, but the chest wall lies on the other edge"),
    gettext_noop(
        "%(source)s says %(side)s, but the chest wall lies on the edge of the other side: mirrored or mislabelled"
    ),
    gettext_noop("a PNG or PGM without a row in the labels table: nothing says whose it is or what it shows"),
    gettext_noop("its row of the labels table has no %(column)s"),
    gettext_noop("%(count)s line(s) that look like burned-in text: a person must look at the image"),
    gettext_noop("the image is marked as showing both breasts"),
    gettext_noop("%(first)s says %(side)s, %(second)s says %(other)s: a person must say which"),
    gettext_noop("no tag states the side and the pixels do not show it"),
    gettext_noop("ViewCodeSequence says %(code)s, ViewPosition says %(position)s: a person must say which"),
    # Its pixels.
    gettext_noop("holds no image"),
    gettext_noop("a volume has no single picture"),
    gettext_noop("pixel data is missing: the file is cut short"),
    gettext_noop("needed attributes are missing: %(names)s"),
    gettext_noop("rows, columns and frames are outside what is accepted (1 to %(count)s pixels)"),
    gettext_noop("more rows and columns than are accepted"),
    gettext_noop("a colour image: mammograms have one sample per pixel"),
    gettext_noop("a colour image: mammograms are grey; convert it without loss"),
    gettext_noop("bits per pixel are outside what is accepted (8 or 16 allocated)"),
    gettext_noop("pixel data is shorter than its rows and columns say; send the file again"),
    gettext_noop("the pixels cannot be decoded (transfer syntax %(syntax)s)"),
    gettext_noop("the decoded pixels have another shape than the header says"),
    gettext_noop("the compressed image is longer than its pixels: damaged, or made to harm"),
    gettext_noop("the compressed image has more than %(count)s tiles: made to harm"),
    gettext_noop("the compressed image is larger than %(size)s MB"),
    gettext_noop("the image is empty: every pixel has the same value"),
    gettext_noop("the modality LUT is damaged"),
    gettext_noop("the VOI LUT is damaged"),
    gettext_noop("the rescale slope or intercept is no number"),
    gettext_noop("the image file is damaged or cut short; send it again"),
    gettext_noop("pixel values are outside 0..65535"),
    # Its bytes.
    gettext_noop("the file meta information names no transfer syntax; send the file again"),
    gettext_noop("the file meta information has no length; send the file again"),
    gettext_noop("sequences are nested deeper than %(depth)s"),
    gettext_noop("more than %(count)s items of sequences"),
    gettext_noop("more than %(count)s elements of a data set"),
    gettext_noop("the DICOM file is damaged or cut short; send it again"),
    gettext_noop("the deflated data set is damaged; send the file again"),
    gettext_noop("the deflated data set is larger than %(size)s MB"),
    gettext_noop("the deflated data set is cut short; send the file again"),
    gettext_noop("the compressed pixel data has no end: the file is cut short; send it again"),
    gettext_noop("reading it needs more memory than one file may take"),
    gettext_noop("reading it takes longer than %(seconds)s seconds"),
    gettext_noop("reading it takes more processor time than a file of its length may take"),
    gettext_noop("the program that read it was stopped: damaged, or made to harm"),
    gettext_noop("cannot be read (%(error)s)"),
    # Where it came from.
    gettext_noop("larger than %(size)s MB"),
    gettext_noop("a symbolic link: links inside a folder are not followed"),
    gettext_noop("not an ordinary file"),
    gettext_noop(
        "cannot be read (%(error)s); give the platform's account the right to read it, or copy it anew"
    ),
    gettext_noop("a damaged zip archive; pack it again"),
    gettext_noop("an empty zip archive"),
    gettext_noop("a zip archive of more than %(count)s files; split it"),
    gettext_noop("a zip archive that unpacks to more than %(size)s GB; split it"),
    gettext_noop(
        "a zip archive for whose files the disk has no room; free space or split it, then send it again"
    ),
    gettext_noop("encrypted inside its zip archive; pack it without a password"),
    gettext_noop("packed more than %(ratio)s to 1: not a medical image"),
    gettext_noop("cannot be unpacked"),
    gettext_noop("damaged inside its zip archive; pack it again"),
    gettext_noop("damaged in the inbox: send it again"),
    gettext_noop("the set's table names it, the folder lacks it"),
    gettext_noop("the PACS answers %(status)s: fetch it again"),
    gettext_noop("the PACS broke off (%(error)s): fetch it again"),
    # Rows of tables.
    gettext_noop("column 'text' is empty"),
    gettext_noop("nothing to match by: give study_uid, or patient with accession or date"),
    gettext_noop("no study matches its patient and accession, date or study_uid"),
    gettext_noop("two studies match"),
    gettext_noop("this report was imported earlier"),
    gettext_noop("labels are uncertain: a person should read it"),
    gettext_noop("a name may be left in its text: a person should read it"),
    gettext_noop("this result was imported earlier"),
    gettext_noop("this result was imported earlier, and a later table corrected it"),
    gettext_noop("corrects “%(before)s”, which an earlier table stated"),
    gettext_noop(
        "this table states another result too for this breast, lesion, method and date: "
        "leave one of them out, or tell the lesions apart in column 'lesion'"
    ),
    gettext_noop("column 'patient' is empty"),
    gettext_noop("column 'side': unknown value; write L or R, one row per breast"),
    gettext_noop("column 'method': unknown value; write one of %(known)s"),
    gettext_noop("column 'class': unknown value; write benign, high_risk or malignant"),
    gettext_noop("column 'class' is empty: only a negative follow-up has none"),
    gettext_noop("a negative follow-up has no class and at least %(months)s follow_up_months"),
    gettext_noop("no patient with this number has a study here"),
    gettext_noop("this patient has no study with this accession number"),
    gettext_noop("the specimen is outside %(before)s days before to %(after)s days after the study"),
    gettext_noop("nothing to match by: give accession or date"),
    gettext_noop("no study of this patient lies within %(days)s days before the specimen"),
    gettext_noop(
        "no study of this patient lies %(months)s months before the date of the follow-up: give its accession"
    ),
    gettext_noop(
        "the date of the follow-up is less than %(months)s months after the study: mend date or accession"
    ),
    gettext_noop("column 'age': no age in years; write a number from 10 to 120"),
    gettext_noop("column %(column)s: no date; write it as 2019-03-11"),
    # Flags of an accepted image.
    gettext_noop("side_from_pixels"),
    gettext_noop("stored_mirrored"),
    gettext_noop("window_estimated"),
    gettext_noop("unknown_voi_function"),
    gettext_noop("has_implant"),
)
_PLACE = re.compile(r"%\((\w+)\)s")


def shown_reason(stored: str) -> str:
    """A stored reason in the language of the page."""
    said = _said(stored)
    if said is not None:
        return said
    flags = stored.split(", ")
    return ", ".join(_said(flag) or flag for flag in flags) if len(flags) > 1 else stored


def _said(stored: str) -> str | None:
    for msgid, pattern in _patterns():
        match = pattern.fullmatch(stored)
        if match:
            return gettext(msgid) % match.groupdict() if match.groupdict() else gettext(msgid)
    return None


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Templates and what they look like when filled, those without places first: they are the exact ones."""
    ordered = sorted(TEMPLATES, key=lambda msgid: (len(_PLACE.findall(msgid)), -len(msgid)))
    return tuple((msgid, re.compile(_pattern(msgid), re.DOTALL)) for msgid in ordered)


def _pattern(msgid: str) -> str:
    pieces = _PLACE.split(msgid)
    return "".join(
        rf"(?P<{piece}>.+?)" if number % 2 else re.escape(piece) for number, piece in enumerate(pieces)
    )
