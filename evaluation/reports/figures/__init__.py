"""Figures by matplotlib: the same data gives the same bytes under the same constraints.txt and architecture."""
