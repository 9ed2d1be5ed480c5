"""What superusers may look at; patients' texts are left out (mammo.core.admin_site)."""

from django.apps import apps

from mammo.core.admin_site import register_read_only

register_read_only(*apps.get_app_config("archive").get_models())
