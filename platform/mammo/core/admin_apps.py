"""Names the admin site of the platform (settings.INSTALLED_APPS)."""

from django.contrib.admin.apps import AdminConfig


class SuperuserAdminConfig(AdminConfig):
    """Django's admin, for superusers only."""

    default_site = "mammo.core.admin_site.SuperuserAdminSite"
