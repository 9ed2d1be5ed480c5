"""Warnings about an answer's text while it is corrected. Pure functions: they change nothing and store nothing."""

from annotation.text_safety.facts import StudyFacts
from annotation.text_safety.warnings import Warned, WarningKind, kinds_of, warnings_in

__all__ = ["StudyFacts", "Warned", "WarningKind", "kinds_of", "warnings_in"]
