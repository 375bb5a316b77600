"""Django's settings; what varies comes from `ragsite.env`, typed and checked."""

from typing import Any

import django_stubs_ext

from ragsite import logs
from ragsite.env import ROOT, database, environment, home, listed, mail, master_keys, redis_url, secrets
from ragsite.example_questions import example_questions
from ragsite.originals import originals_storage

# Lets admin classes and forms name their model, as in ModelAdmin[Document]; nothing else changes.
django_stubs_ext.monkeypatch()

env = environment()
logs.configure(env.log_level)

SECRET_KEY = secrets()["secret_key"]
DEBUG = env.debug
ALLOWED_HOSTS = [host.strip() for host in env.allowed_hosts.split(",") if host.strip()]
ROOT_URLCONF = "ragsite.urls"
ASGI_APPLICATION = "ragsite.asgi.application"

INSTALLED_APPS = [
    "ragsite.admin_app.RagsiteAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "guardian",
    "auditlog",
    "rest_framework",
    "drf_spectacular",
    "accounts",
    "compliance",
    "retrieval",
    "ragsite",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "ragsite.middleware.request_context",
    "ragsite.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.sign_in.gate.gate",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Data -------------------------------------------------------------------------------------

# A pool, and no connection age: under ASGI a thread dies with its request, and a connection kept
# by age would die with it, unreturned.
DATABASES = {"default": database("application"), "owner": database("owner")}
DATABASES["default"]["OPTIONS"]["pool"] = {
    "min_size": 1,
    "max_size": env.database_pool_max,
    "timeout": 10,
}
DATABASES["default"]["ATOMIC_REQUESTS"] = False
for _connection in DATABASES.values():
    # Custom plans only: a generic plan over principals picks the wrong index (RETRIEVAL, section 3).
    _connection["OPTIONS"]["prepare_threshold"] = None

DATABASE_ROUTERS: list[str] = []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MEDIA_ROOT = home().files
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "originals": originals_storage(env),  # encrypted; reached through retrieval.ingestion.vault only
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]

# --- People -----------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "accounts.sign_in.backends.PersonBackend",
    # Nobody signs in through it: it reads sessions that name it, and answers for Django's permissions.
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ANONYMOUS_USER_NAME = None  # guardian's anonymous user could be granted rights; there is none
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "sign-in"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.secure_cookies
SESSION_COOKIE_AGE = 12 * 60 * 60
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
PASSWORD_RESET_TIMEOUT = 60 * 60
X_FRAME_OPTIONS = "DENY"

ACCOUNT_ADAPTER = "accounts.sign_in.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # nobody registers herself; addresses come from an administrator
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # or everybody could have us write to anybody
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "20/m/ip,5/15m/key",
    "reset_password": "20/m/ip,5/h/key",
    "assertion": "60/m/ip",
}
ACCOUNT_FORMS = {
    "reset_password": "accounts.sign_in.forms.ResetForm",
    "user_token": "accounts.sign_in.forms.ResetTokenForm",
}
MFA_FORMS = {"add_webauthn": "accounts.sign_in.second_factor_forms.PasskeyForm"}
ALLAUTH_TRUSTED_PROXY_COUNT = RAGSITE_TRUSTED_PROXIES = env.trusted_proxies
MFA_ADAPTER = "accounts.sign_in.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "ragsite"
MFA_TOTP_TOLERANCE = 1  # a clock may be half a minute off
MFA_RECOVERY_CODES_SHOW_ONCE = True
# Browsers speak WebAuthn over plain HTTP with localhost only, which is not the address people type.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = False
SOCIALACCOUNT_ADAPTER = "accounts.sign_in.adapters.IdentityAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
RAGSITE_STAFF_SECOND_FACTOR = (
    not env.demonstration if env.staff_second_factor is None else env.staff_second_factor
)
RAGSITE_IDENTITY_PRIVATE_NETWORKS = env.identity_private_networks
# Pages ask these by themselves, so they are no sign that somebody is there.
RAGSITE_UNATTENDED_PATHS = ("/documents/statuses/",)

# Counts failures and used codes for every process alike. In the database, so that nothing is let
# through while it is away, and nobody can flood it until a count is thrown out.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "accounts_counter",
        "OPTIONS": {"MAX_ENTRIES": 1_000_000},
    }
}

DEFAULT_FROM_EMAIL = env.email_from
for _name, _value in mail().items():
    globals()[_name] = _value

# --- Audit ------------------------------------------------------------------------------------

AUDITLOG_LOGENTRY_MODEL = "compliance.AuditEntry"
AUDITLOG_CID_GETTER = "compliance.audit.context.correlation_id"
AUDITLOG_DISABLE_REMOTE_ADDR = True  # the library believes the first X-Forwarded-For hop
AUDITLOG_MASK_CALLABLE = "compliance.audit.masking.mask_completely"
AUDITLOG_STORE_JSON_CHANGES = True

# --- API --------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "retrieval.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "ragsite.api_errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ragsite",
    "DESCRIPTION": "Questions answered from an organisation's own documents, guarded, cited and audited.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": ["rest_framework.authentication.SessionAuthentication"],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": ["ragsite.openapi.add_queries", "ragsite.openapi_files.add_files"],
}

# --- Work in the background ---------------------------------------------------------------------

CELERY_BROKER_URL = redis_url().replace("unix://", "redis+socket://", 1)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 1800
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3 * 3600}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "sweep-documents": {"task": "retrieval.sweep_documents", "schedule": 15.0},
    "sweep-erasures": {"task": "retrieval.sweep_erasures", "schedule": 120.0},
    "sync-sources": {"task": "retrieval.sync_sources", "schedule": 30.0},
    "sweep-uploads": {"task": "retrieval.sweep_uploads", "schedule": 60.0},
    "sweep-files": {"task": "retrieval.sweep_files", "schedule": 6 * 3600.0},
    "sweep-open-questions": {"task": "retrieval.report_open_questions", "schedule": 300.0},
    "remove-ended-grants": {"task": "retrieval.remove_ended_grants", "schedule": 3600.0},
    "forget-cached-answers": {"task": "retrieval.forget_cached_answers", "schedule": 24 * 3600.0},
}

# --- Ragsite ------------------------------------------------------------------------------------

RAGSITE_MODELS_FOLDER = home().models
RAGSITE_HOME = home().home
RAGSITE_ROOT = ROOT
RAGSITE_TENANT_KEY = secrets()["tenant_key"]
RAGSITE_MASTER_KEYS = master_keys()
RAGSITE_ENCODER = env.encoder
RAGSITE_ENCODER_THREADS = env.encoder_threads
RAGSITE_EMBEDDINGS: dict[str, Any] = {
    "base_url": env.embeddings_base_url,
    "api_key": env.embeddings_api_key.get_secret_value(),
    "model": env.embeddings_model,
    "dimensions": env.embeddings_dimensions,
}
RAGSITE_NEXT_ENCODER = env.next_encoder
RAGSITE_NEXT_EMBEDDINGS: dict[str, Any] = {
    "base_url": env.next_embeddings_base_url,
    "api_key": env.next_embeddings_api_key.get_secret_value(),
    "model": env.next_embeddings_model,
    "dimensions": env.next_embeddings_dimensions,
}
RAGSITE_GENERATOR = env.generator
RAGSITE_LLM: dict[str, Any] = {
    "base_url": env.llm_base_url,
    "api_key": env.llm_api_key.get_secret_value(),
    "model": env.llm_model,
    "timeout_seconds": env.llm_timeout_seconds,
    "retries_max": env.llm_retries_max,
}
RAGSITE_QUESTION_CHARS_MAX = env.question_chars_max
RAGSITE_UPLOAD_BYTES_MAX = env.upload_bytes_max
RAGSITE_VERSIONS_KEPT = env.versions_kept
RAGSITE_CLAMAV = env.clamav
RAGSITE_OPEN_UPLOADS_MAX = env.open_uploads_max
RAGSITE_OPEN_UPLOAD_BYTES_MAX = env.open_upload_bytes_max
RAGSITE_PARSERS_OVERRIDE = listed(env.parsers_override)
RAGSITE_OCR_LANGUAGES = env.ocr_languages
RAGSITE_FETCH_ALLOW = listed(env.fetch_allow)
RAGSITE_FETCH_PORTS = env.ports()
RAGSITE_SOURCE_FOLDERS = env.folders()
RAGSITE_SOURCE_PLAIN_IMAP = env.source_plain_imap
RAGSITE_EXAMPLE_QUESTIONS = example_questions(ROOT / "examples/data") if env.demonstration else {}

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"presidio-analyzer": {"level": "ERROR"}},
}
