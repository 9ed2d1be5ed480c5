"""Regular expressions that are compiled at their first use.

Those of the report reader and of the cleaning take .7 s of processor time to compile: more than half of what every
process of the installation (web, worker, each child of a job, each command) needed to start, mostly for nothing.
"""

import re
from typing import cast

from django.utils.functional import SimpleLazyObject


def compiled_when_used(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """The pattern, with every method of `re.Pattern`; an error in it shows at its first use.

    Raises:
        re.error: at the first use, when the pattern is not valid.
    """
    return cast("re.Pattern[str]", SimpleLazyObject(lambda: re.compile(pattern, flags)))
