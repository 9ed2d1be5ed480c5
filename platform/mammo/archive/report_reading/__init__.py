"""Reads density and BI-RADS out of free-text mammography reports and blanks the category (pure Python)."""

from mammo.archive.report_reading.reading import EDITION, RULE, BiradsReading, ReportReading, read_report

__all__ = ["EDITION", "RULE", "BiradsReading", "ReportReading", "read_report"]
