"""Tables of choices shared by every app. Values are stored and exported: never rename one."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Laterality(models.TextChoices):
    """Side of the breast, DICOM (0020,0062)."""

    LEFT = "L", _("Left")
    RIGHT = "R", _("Right")


class View(models.TextChoices):
    """Mammographic projection, PS3.16 CID 4014; only CC and MLO belong to the standard four."""

    CC = "CC", _("CC (craniocaudal)")
    MLO = "MLO", _("MLO (mediolateral oblique)")
    ML = "ML", _("ML (mediolateral)")
    LM = "LM", _("LM (lateromedial)")
    XCCL = "XCCL", _("XCCL (exaggerated craniocaudal lateral)")
    XCCM = "XCCM", _("XCCM (exaggerated craniocaudal medial)")
    OTHER = "OTHER", _("Other view")


class Density(models.TextChoices):
    """ACR breast composition, BI-RADS 5th edition."""

    A = "A", _("A: almost entirely fatty")
    B = "B", _("B: scattered fibroglandular density")
    C = "C", _("C: heterogeneously dense")
    D = "D", _("D: extremely dense")


class Birads(models.TextChoices):
    """BI-RADS assessment category, 5th edition."""

    C0 = "0", _("0: incomplete")
    C1 = "1", _("1: negative")
    C2 = "2", _("2: benign")
    C3 = "3", _("3: probably benign")
    C4 = "4", _("4: suspicious")
    C4A = "4A", _("4A: low suspicion")
    C4B = "4B", _("4B: moderate suspicion")
    C4C = "4C", _("4C: high suspicion")
    C5 = "5", _("5: highly suggestive of malignancy")
    C6 = "6", _("6: known malignancy")


class Language(models.TextChoices):
    """Language of a text."""

    CHINESE = "zh", _("Chinese")
    ENGLISH = "en", _("English")
    MIXED = "mix", _("Mixed")


class Vendor(models.TextChoices):
    """Manufacturer, kept as an enumeration only (de-identification)."""

    SIEMENS = "siemens", "Siemens"
    GIOTTO = "giotto", "Giotto"
    HOLOGIC = "hologic", "Hologic"
    GE = "ge", "GE"
    FUJI = "fuji", "Fujifilm"
    PHILIPS = "philips", "Philips"
    OTHER = "other", _("Other")


class PathologyClass(models.TextChoices):
    """Class of a biopsy or surgical result."""

    BENIGN = "benign", _("Benign")
    HIGH_RISK = "high_risk", _("High risk")
    MALIGNANT = "malignant", _("Malignant")
