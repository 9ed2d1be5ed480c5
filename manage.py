#!/usr/bin/env python3
"""Entry of every command; the console script `mammo` is the same."""

import sys
from pathlib import Path

# `platform/` holds the package `mammo`; the folder itself must never become a package.
sys.path.insert(0, str(Path(__file__).resolve().parent / "platform"))

from mammo.core.command_line import main

if __name__ == "__main__":
    main()
