"""Analyses of anyone's CSV file: reading and checking it, and the JSON of its result."""
