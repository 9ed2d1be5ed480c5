"""What superusers may look at."""

from django.apps import apps

from mammo.core.admin_site import register_read_only

register_read_only(*apps.get_app_config("jobs").get_models())
