"""The study report of a trial: from the rows, or from a frozen export of them on another machine."""
