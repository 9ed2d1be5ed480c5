"""ASGI entry for uvicorn."""

import logging
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")
application = get_asgi_application()

from mammo.core import raw_files  # noqa: E402  (the apps are loaded by the line above)
from mammo.core.append_only import require_triggers  # noqa: E402
from mammo.core.log_addresses import RoutesOnly  # noqa: E402

require_triggers()
raw_files.use_for_bodies()
# `up` switches the access log off; whoever starts uvicorn by hand may leave it on.
logging.getLogger("uvicorn.access").addFilter(RoutesOnly())
