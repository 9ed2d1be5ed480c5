"""Settings. Everything comes from the environment; the embedded default needs none of it.

MAMMO_HOME names the folder where the embedded default keeps everything. A production site sets DATABASE_URL,
BROKER_URL, MAMMO_SECRET_KEY and MAMMO_HOSTS; what is missing there stops the start with one clear line.
"""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from mammo.core import dark_ground

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parents[2]
PACKAGE_DIR = Path(__file__).resolve().parent

# Set to nothing counts as not set: it is not the folder one happens to stand in.
MAMMO_HOME = Path(env.str("MAMMO_HOME", default="") or BASE_DIR / "var").expanduser().absolute()
MAMMO_KEYS = Path(env.str("MAMMO_KEYS", default=str(MAMMO_HOME / "keys")))
MAMMO_MASTER_KEY = env.str("MAMMO_MASTER_KEY", default="")
MAMMO_ORIGINALS = Path(env.str("MAMMO_ORIGINALS", default=str(MAMMO_HOME / "originals")))
# How reports are read: the edition of BI-RADS they follow (5 or 4), and the rule that makes the category of an
# exam from those of its breasts (zero-unless-4 or acr-hierarchy). Both are stored with every label.
MAMMO_BIRADS_EDITION = env.str("MAMMO_BIRADS_EDITION", default="5")
MAMMO_BIRADS_OVERALL_RULE = env.str("MAMMO_BIRADS_OVERALL_RULE", default="zero-unless-4")
if MAMMO_BIRADS_EDITION not in ("5", "4"):
    raise ImproperlyConfigured(f"MAMMO_BIRADS_EDITION={MAMMO_BIRADS_EDITION}: give 5 or 4")
if MAMMO_BIRADS_OVERALL_RULE not in ("zero-unless-4", "acr-hierarchy"):
    raise ImproperlyConfigured(
        f"MAMMO_BIRADS_OVERALL_RULE={MAMMO_BIRADS_OVERALL_RULE}: give zero-unless-4 or acr-hierarchy"
    )
# Whether encrypted originals are kept beside the viewing copies, and for how many days originals and texts as they
# were received are kept (0: for ever).
ORIGINALS = env.str("ORIGINALS", default="keep")
if ORIGINALS not in ("keep", "discard"):
    raise ImproperlyConfigured(f"ORIGINALS={ORIGINALS}: give keep or discard")
MAMMO_RETENTION_DAYS = env.int("MAMMO_RETENTION_DAYS", default=0)
# For how many days after a job's end its log, which may hold patients' texts, is kept (0: for ever).
MAMMO_JOB_LOG_DAYS = env.int("MAMMO_JOB_LOG_DAYS", default=30)
if MAMMO_JOB_LOG_DAYS < 0:
    raise ImproperlyConfigured(f"MAMMO_JOB_LOG_DAYS={MAMMO_JOB_LOG_DAYS}: give 0 (for ever) or more")
MAMMO_VIEWING_COPIES = Path(env.str("MAMMO_VIEWING_COPIES", default=str(MAMMO_HOME / "viewing_copies")))
# What a PACS sent waits here, encrypted; beyond these limits it is told to come again later.
MAMMO_INBOX_FILES = env.int("MAMMO_INBOX_FILES", default=20_000)
MAMMO_INBOX_RESERVE_BYTES = env.int("MAMMO_INBOX_RESERVE_BYTES", default=2 * 1024**3)
PRODUCTION = env.bool("MAMMO_PRODUCTION", default=False)
MAMMO_DEMO = env.bool("MAMMO_DEMO", default=False) or (MAMMO_HOME / "demo" / "signins.json").exists()
if PRODUCTION and MAMMO_DEMO:
    raise ImproperlyConfigured(
        "MAMMO_DEMO: demo sign-ins are never allowed with MAMMO_PRODUCTION=1; use another MAMMO_HOME"
    )


def _secret_key() -> str:
    given: str = env.str("MAMMO_SECRET_KEY", default="")
    if given:
        return given
    if PRODUCTION:
        raise ImproperlyConfigured(
            "MAMMO_SECRET_KEY is not set; give a long random string (50 characters or more)"
        )
    path = MAMMO_HOME / "secret_key"
    if not path.exists():
        try:
            MAMMO_HOME.mkdir(mode=0o700, parents=True, exist_ok=True)  # for the platform's own account alone
        except OSError as error:
            raise SystemExit(
                f"MAMMO_HOME={MAMMO_HOME}: no folder can be made there ({error.strerror})"
            ) from None
        fresh = path.with_name(f".secret_key.{os.getpid()}")
        try:
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(60))
            os.link(fresh, path)
        except FileExistsError:
            pass  # another process was first
        except OSError as error:
            raise SystemExit(
                f"MAMMO_HOME={MAMMO_HOME}: nothing can be written there ({error.strerror})"
            ) from None
        finally:
            with contextlib.suppress(OSError):
                fresh.unlink()
    try:
        return path.read_text()
    except OSError as error:
        raise SystemExit(
            f"{path}: can't be read ({error.strerror}); run as the account that owns it"
        ) from None


SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS = env.list("MAMMO_SECRET_KEY_FALLBACKS", default=[])
DEBUG = False
ALLOWED_HOSTS = env.list(
    "MAMMO_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]", "testserver"]
)

INSTALLED_APPS = [
    "mammo.core",
    "mammo.accounts",
    "mammo.api",
    "mammo.jobs",
    "mammo.archive",
    "annotation",
    "modeling",
    "evaluation",
    "mammo.demo",
    "mammo.core.admin_apps.SuperuserAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_htmx",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "mammo.core.middleware.SecurityHeadersMiddleware",  # first: also what the others answer by themselves
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "mammo.core.middleware.NoNulMiddleware",  # before anything that asks the database for what was sent
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "mammo.accounts.middleware.SessionLimitsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "mammo.core.middleware.UserErrorMiddleware",
    "mammo.core.middleware.NoStoreMiddleware",
    "mammo.accounts.middleware.SecondFactorMiddleware",
    "mammo.accounts.middleware.GivenPasswordMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "mammo.urls"
ASGI_APPLICATION = "mammo.asgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mammo.core.context.navigation",
                "mammo.accounts.session_limits.for_pages",
            ],
        },
    },
]

SQLITE_OPTIONS: dict[str, Any] = {
    # Measured with 20 writing processes: 0 of 4,000 writes locked; Django's defaults lose 858 of 1,000.
    "timeout": 60,
    "transaction_mode": "IMMEDIATE",
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=27103364; "
        "PRAGMA mmap_size=134217728; PRAGMA cache_size=2000; PRAGMA recursive_triggers=ON; "
        # What is emptied or deleted is overwritten; many builds of SQLite leave it in the file.
        "PRAGMA secure_delete=ON;"
    ),
}
DATABASE_URL = env.str("DATABASE_URL", default="")
if DATABASE_URL:
    DATABASES = {"default": env.db_url_config(DATABASE_URL)}
    DATABASES["default"].update(CONN_MAX_AGE=600, CONN_HEALTH_CHECKS=True)
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(MAMMO_HOME / "db.sqlite3"),
            "OPTIONS": SQLITE_OPTIONS,
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "mammo.accounts.passwords.LongEnough", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
# Whoever holds one of these roles (or is a superuser) reaches nothing without a second factor.
MAMMO_SECOND_FACTOR_ROLES = env.list(
    "MAMMO_SECOND_FACTOR_ROLES", default=["data_manager", "researcher", "admin"]
)
MFA_ADAPTER = "mammo.accounts.adapter.SealedMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "mammo.accounts.single_use.SingleUseAuthenticateForm",
    "reauthenticate": "mammo.accounts.single_use.SingleUseReauthenticateForm",
}
MFA_TOTP_TOLERANCE = 1  # a phone's clock half a minute off
ACCOUNT_ADAPTER = "mammo.accounts.adapter.ClosedAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
# Passwords are counted by axes below, in the database; allauth's own counts guard the codes of the second step.
# A hospital's people share one address.
ACCOUNT_RATE_LIMITS = {"login": "120/m/ip", "login_failed": "120/m/ip,10/5m/key"}
AXES_HANDLER = "mammo.accounts.lockout.SignInHandler"
AXES_USERNAME_CALLABLE = "mammo.accounts.lockout.counted_name"
AXES_FAILURE_LIMIT = 8
# Of one name from all addresses together; then only addresses from which the account signed in lately are served.
MAMMO_NAME_FAILURE_LIMIT = 30
# What is refused is not counted: one address can't use up what a name is allowed, nor prolong a lock.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_TEMPLATE = "account/locked_out.html"

# Minutes without a person's act after which a session ends: for roles of MAMMO_SECOND_FACTOR_ROLES, and for
# others; hours after which it ends whatever happens.
MAMMO_SESSION_IDLE_MINUTES = env.float("MAMMO_SESSION_IDLE_MINUTES", default=30)
MAMMO_SESSION_IDLE_MINUTES_OTHERS = env.float("MAMMO_SESSION_IDLE_MINUTES_OTHERS", default=120)
MAMMO_SESSION_HOURS = env.float("MAMMO_SESSION_HOURS", default=12)
SESSION_COOKIE_AGE = int(MAMMO_SESSION_HOURS * 3600)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "mammo.core.old_forms.too_old"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    SECURE_SSL_REDIRECT = env.bool("MAMMO_SSL_REDIRECT", default=True)
    SECURE_HSTS_SECONDS = 31536000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'", "'wasm-unsafe-eval'"],  # the image codecs are WebAssembly
        "worker-src": ["'self'"],
        "connect-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:"],
        "style-src": ["'self'", dark_ground.SOURCE],
        "style-src-attr": ["'unsafe-inline'"],  # the viewer's drawing of measurements sets style attributes
        "font-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    }
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [PACKAGE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TZ", default="UTC")

STATIC_URL = "/static/"
STATIC_ROOT = MAMMO_HOME / "staticfiles"
STATICFILES_DIRS = [PACKAGE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False


def WHITENOISE_ADD_HEADERS_FUNCTION(headers: Any, path: str, url: str) -> None:  # noqa: N802
    """WhiteNoise takes a function, not a name; the middleware can't be imported while settings are read."""
    from mammo.core.middleware import static_headers

    static_headers(headers, path, url)


# News of annotation leave the site only where an administrator switches it on (manage.py deliver_news).
MAMMO_NEWS_EMAIL = env.bool("MAMMO_NEWS_EMAIL", default=False)
MAMMO_NEWS_WEBHOOK = env.str("MAMMO_NEWS_WEBHOOK", default="")
if MAMMO_NEWS_EMAIL:
    vars().update(env.email_url("EMAIL_URL"))
    DEFAULT_FROM_EMAIL = env.str("MAMMO_NEWS_FROM", default="mammo@localhost")

DATA_UPLOAD_MAX_MEMORY_SIZE = 5_000_000
# Below MAMMO_HOME, which is looked up when a file comes: Django's own setting names a folder that must stand before.
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "mammo.core.raw_files.RawFileUploadHandler",
]

# GPUs that each job sees which answers with weights of this machine and is started from a page or the API.
MAMMO_ANSWERING_GPUS = env.int("MAMMO_ANSWERING_GPUS", default=0)
if MAMMO_ANSWERING_GPUS < 0:
    raise ImproperlyConfigured(f"MAMMO_ANSWERING_GPUS={MAMMO_ANSWERING_GPUS}: give 0 or more")

BROKER_URL = env.str("BROKER_URL", default="filesystem://")
QUEUE_FOLDER = MAMMO_HOME / "queue"
CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = (
    False  # the Job row's lease does what late acknowledgement can't (docs/decisions/0002)
)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "cpu"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 3.0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
if BROKER_URL.startswith("filesystem"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "polling_interval": 0.2,
        "data_folder_in": str(QUEUE_FOLDER / "messages"),
        "data_folder_out": str(QUEUE_FOLDER / "messages"),
        "control_folder": str(QUEUE_FOLDER / "control"),
        "processed_folder": str(QUEUE_FOLDER / "processed"),
        "store_processed": True,
    }

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "mammo.api.authentication.TokenAuthentication",
        "mammo.api.authentication.SignedInSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["mammo.api.parsers.JSONParser"],
    "DEFAULT_THROTTLE_CLASSES": [
        "mammo.api.throttling.TokenThrottle",
        "mammo.api.throttling.AccountThrottle",
        "mammo.api.throttling.AnonymousThrottle",
    ],
    "DEFAULT_SCHEMA_CLASS": "mammo.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "mammo.api.errors.answer_error",
    "URL_FORMAT_OVERRIDE": None,
    "NUM_PROXIES": env.int("MAMMO_PROXIES", default=1 if PRODUCTION else 0),
}
# Calls per caller; counted in the cache, so several web processes count together only with a shared CACHE_URL.
MAMMO_API_RATES = {
    "token": env.str("MAMMO_API_RATE_TOKEN", default="600/min"),
    "account": env.str("MAMMO_API_RATE_ACCOUNT", default="600/min"),
    "anonymous": env.str("MAMMO_API_RATE_ANONYMOUS", default="30/min"),
}
CACHES = {"default": env.cache_url("CACHE_URL", default="locmemcache://")}
SPECTACULAR_SETTINGS = {
    "TITLE": "MammoVLM platform",
    "DESCRIPTION": "Annotation, training and blinded evaluation. See docs/api.md for the first call.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "JobState": "mammo.jobs.models.JobState",
        "CampaignState": "annotation.models.Campaign.State",
        "TrialState": "evaluation.models.Trial.State",
        "TrialOrder": "evaluation.models.Trial.Order",
        "ArmKind": "evaluation.models.Arm.Kind",
        "ReaderStudyState": "evaluation.models.ReaderStudy.State",
        "ReaderStudySees": "evaluation.models.ReaderStudy.Sees",
        "ImportOutcome": "mammo.archive.models.ImportItem.Outcome",
        "ProposerContext": "annotation.models.ProposerContext",
        "QuestionStage": "annotation.models.Question.Stage",
        "Purpose": "annotation.models.Purpose",
        "ErrorTag": "annotation.models.ErrorTag",
        "FlagKind": "annotation.models.FlagKind",
        "NewsKind": "annotation.models.NewsKind",
        "SkipReason": "annotation.models.SkipReason",
        "PickReason": "annotation.reasons.PickReason",
        "ReturnReason": "annotation.reasons.ReturnReason",
        "ApprovalState": "annotation.models.EndpointApproval.State",
        "TrainingStage": "modeling.models.Stage",
        "Birads": "mammo.core.choices.Birads",
        "Density": "mammo.core.choices.Density",
        "Laterality": "mammo.core.choices.Laterality",
        "View": "mammo.core.choices.View",
        "Vendor": "mammo.core.choices.Vendor",
        "Language": "mammo.core.choices.Language",
        "AccountLanguage": "mammo.settings.LANGUAGES",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {"routes only": {"()": "mammo.core.log_addresses.RoutesOnly"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["routes only"]}
    },
    "root": {"handlers": ["console"], "level": env.str("MAMMO_LOG_LEVEL", default="WARNING")},
    "loggers": {
        "axes": {"level": "ERROR"},
        "django": {"handlers": []},  # its own would write addresses beside ours
        "dicomweb_client": {"level": "ERROR"},  # below that it writes numbers of patients and studies
        "kombu.connection": {"level": "ERROR"},  # the filesystem transport has no host to name
    },
}
SILENCED_SYSTEM_CHECKS: list[str] = []
