"""Reads density and BI-RADS out of free-text mammography reports and blanks the category (pure Python)."""

from mammo.archive.report_reading.categories import OVERALL_RULES
from mammo.archive.report_reading.reading import EDITIONS, BiradsReading, ReportReading, read_report

__all__ = ["EDITIONS", "OVERALL_RULES", "BiradsReading", "ReportReading", "read_report"]
