"""ASGI entry for uvicorn."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")
application = get_asgi_application()

from mammo.core import raw_files  # noqa: E402  (the apps are loaded by the line above)
from mammo.core.append_only import require_triggers  # noqa: E402

require_triggers()
raw_files.use_for_bodies()
