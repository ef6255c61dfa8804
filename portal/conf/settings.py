"""All settings. The environment is read here and nowhere else; docs/operating.md lists it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import dj_database_url

from portal.conf import environment as env
from portal.conf import logs, providers, seller, timetable

BASE = env.BASE
POLDER_HOME = env.HOME
POLDER_PORT = env.number("PORT", 8000)
POLDER_URL = env.text("POLDER_URL", f"http://127.0.0.1:{POLDER_PORT}").rstrip("/")

SECRET_KEY = env.text("POLDER_SIGNING_KEY")
POLDER_SECRET_KEYS = env.words("POLDER_SECRET_KEYS")

_url = urlsplit(POLDER_URL)
ALLOWED_HOSTS = env.words("POLDER_ALLOWED_HOSTS", f"{_url.hostname},127.0.0.1,localhost")
CSRF_TRUSTED_ORIGINS = [POLDER_URL]
_HTTPS = _url.scheme == "https"
DEBUG = env.debug("POLDER_DEBUG", allowed=not _HTTPS)
# What `manage.py up` makes at the first start; its users share one generated password. An address
# that others reach has no accounts but those of people.
POLDER_DEMO = env.flag("POLDER_DEMO", not _HTTPS)
POLDER_DEMO_PASSWORD = env.text("POLDER_DEMO_PASSWORD", "")

INSTALLED_APPS = [
    "portal.conf.apps.PolderAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "portal.accounts.oidc",
    "allauth.socialaccount.providers.saml",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "template_partials.apps.SimpleAppConfig",
    "django_cotton.apps.SimpleAppConfig",
    "portal.accounts",
    "portal.audit",
    "portal.outbox",
    "portal.tenancy",
    "portal.notifications",
    "services.regions",
    "services.backends",
    "services.instances",
    "portal.status",
    "billing",
    "portal.api",
    "portal.console",
    "portal.embedded",
]

MIDDLEWARE = [
    "portal.conf.middleware.ClientAddress",
    "portal.conf.middleware.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "portal.conf.middleware.ContentSecurityPolicy",  # before WhiteNoise: files carry it, too
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.conf.middleware.PersonalPages",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.conf.middleware.ReadersLanguage",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.accounts.middleware.SessionActivity",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.console.public.PublicPages",
    "portal.console.errors.ErrorPages",
    "portal.console.impersonating.Impersonation",
]

ROOT_URLCONF = "portal.conf.urls"
WSGI_APPLICATION = "portal.conf.wsgi.application"

# Partials wrap the cached loader, and Cotton's loader stands inside it: the only order in which
# both work.
_LOADERS = [
    (
        "template_partials.loader.Loader",
        [
            (
                "django.template.loaders.cached.Loader",
                [
                    "django_cotton.cotton_loader.Loader",
                    "django.template.loaders.filesystem.Loader",
                    "django.template.loaders.app_directories.Loader",
                ],
            )
        ],
    )
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.console.shell.shell",
            ],
            "builtins": [
                "django_cotton.templatetags.cotton",
                "template_partials.templatetags.partials",
                "django.templatetags.i18n",
                "django.templatetags.static",
                "portal.console.templatetags.ui",
            ],
            "loaders": _LOADERS,
        },
    }
]

# -- data ------------------------------------------------------------------------------------------

_database = dj_database_url.parse(
    env.text("POLDER_DATABASE_URL"), conn_max_age=60, conn_health_checks=True
)
# What the address asks for stays, `?sslmode=verify-full` above all.
_database["OPTIONS"] = {"connect_timeout": 5, **_database.get("OPTIONS", {})}
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.text("POLDER_BROKER_URL", "redis://127.0.0.1:6379/0"),
        "KEY_PREFIX": "polder",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}

# -- people ----------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
POLDER_SIGNUP = env.choice("POLDER_SIGNUP", "open", "invite", "closed")
ACCOUNT_ADAPTER = "portal.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "portal.accounts.forms.LoginForm",
    "signup": "portal.accounts.forms.SignupForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _url.scheme
ACCOUNT_EMAIL_VERIFICATION = env.choice(
    "POLDER_EMAIL_VERIFICATION", "optional", "none", "mandatory"
)
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # before addresses are changed
ACCOUNT_REAUTHENTICATION_TIMEOUT = 60 * env.number("POLDER_REAUTHENTICATION_MINUTES", 15)
# Attempts: a password or code can be guessed five times in five minutes, whoever asks.
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
PASSWORD_RESET_TIMEOUT = 3600  # seconds; the mail says an hour

MFA_ADAPTER = "portal.accounts.second_factor.MfaAdapter"
MFA_FORMS = {
    "add_webauthn": "portal.accounts.forms.AddPasskeyForm",
    "authenticate_webauthn": "portal.accounts.forms.AuthenticatePasskeyForm",
    "login_webauthn": "portal.accounts.forms.LoginPasskeyForm",
    "reauthenticate_webauthn": "portal.accounts.forms.ReauthenticatePasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # clocks of phones are half a minute off
MFA_ALLOW_UNVERIFIED_EMAIL = ACCOUNT_EMAIL_VERIFICATION == "none"

SOCIALACCOUNT_ADAPTER = "portal.accounts.social.SocialAdapter"
SOCIALACCOUNT_PROVIDERS = {
    **providers.oidc("POLDER_OIDC_PROVIDERS", env.text("POLDER_OIDC_PROVIDERS", "")),
    **providers.saml("POLDER_SAML_PROVIDERS", env.text("POLDER_SAML_PROVIDERS", "")),
}
# A form could not be sent on to a provider: the policy allows forms to lead to ourselves only.
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "portal.accounts.passwords.KnownWordsValidator"},
]
_mail = env.mail_server("POLDER_EMAIL_URL")
EMAIL_BACKEND = _mail.get("EMAIL_BACKEND") or env.text(
    "POLDER_EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend"
)
EMAIL_HOST = _mail.get("EMAIL_HOST", "localhost")
EMAIL_PORT = _mail.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("POLDER_EMAIL_FROM", "Polder <noreply@localhost>")

# -- security --------------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# A browser takes a cookie of such a name from this very host over https only. Without https there
# are several copies on one host, told apart by their ports.
POLDER_COOKIE_PREFIX = "__Host-polder_" if _HTTPS else "polder_"
SESSION_COOKIE_NAME = f"{POLDER_COOKIE_PREFIX}session_{POLDER_PORT}"
CSRF_COOKIE_NAME = f"{POLDER_COOKIE_PREFIX}csrf_{POLDER_PORT}"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _HTTPS else None
X_FRAME_OPTIONS = "DENY"
POLDER_TRUSTED_PROXIES = env.number("POLDER_TRUSTED_PROXIES", 0)
CSRF_FAILURE_VIEW = "portal.console.errors.csrf_failure"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
FILE_UPLOAD_HANDLERS = ["portal.conf.uploads.InMemory"]
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; object-src 'none'"
)
# A file that is opened by itself may do nothing at all; short, since each page loads seven.
CONTENT_SECURITY_POLICY_OF_FILES = "default-src 'none'; frame-ancestors 'none'; sandbox"

# -- language, time, files -------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
LANGUAGE_COOKIE_NAME = f"{POLDER_COOKIE_PREFIX}language"  # set when somebody signs in or chooses
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SECURE, LANGUAGE_COOKIE_SAMESITE = True, _HTTPS, "Lax"
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch"), ("fr", "Français")]
LOCALE_PATHS = [BASE / "locale"]
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = POLDER_HOME / "static"
STATICFILES_DIRS = [BASE / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "portal.conf.static.LeanStorage"},
}
WHITENOISE_MANIFEST_STRICT = False

# -- work ------------------------------------------------------------------------------------------

CELERY_BROKER_URL = env.text("POLDER_BROKER_URL", "redis://127.0.0.1:6379/0")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY = (
    False  # the sweep finds what the broker lost; a request must not wait for it
)
CELERY_TASK_DEFAULT_QUEUE = "polder"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "socket_keepalive": True,
}
POLDER_LEASE_SECONDS = env.number("POLDER_LEASE_SECONDS", 30)
POLDER_SWEEP_SECONDS = env.number("POLDER_SWEEP_SECONDS", 5)
POLDER_OBSERVE_SECONDS = env.number("POLDER_OBSERVE_SECONDS", 20)
CELERY_BEAT_SCHEDULER = "portal.conf.beat:Scheduler"
CELERY_BEAT_SCHEDULE = timetable.timetable(
    sweep_seconds=POLDER_SWEEP_SECONDS, observe_seconds=POLDER_OBSERVE_SECONDS
)
# What probes found is kept so long: whoever disputes an SLA may do so for a year.
POLDER_PROBES_KEPT_DAYS = env.number("POLDER_PROBES_KEPT_DAYS", 400)
# Usage as it arrived, of months that have their invoice; as long it is counted once, and corrected.
POLDER_USAGE_KEPT_DAYS = env.number("POLDER_USAGE_KEPT_DAYS", 400, least=100)
# Touched by worker, beat, watch and probe while they work, for a probe.
POLDER_ALIVE_FILE = env.text("POLDER_ALIVE_FILE", "")
# Names this installation on every object it makes in a cluster: two may share one.
POLDER_INSTALLATION = env.text("POLDER_INSTALLATION", "polder")
POLDER_BIN = timedelta(days=env.number("POLDER_BIN_DAYS", 7))

# -- notifications and webhooks --------------------------------------------------------------------

POLDER_NOTICE_KEPT = timedelta(days=env.number("POLDER_NOTICE_DAYS", 90))
# Webhooks go to public addresses by https only; these let them elsewhere.
POLDER_WEBHOOK_ALLOW = env.networks("POLDER_WEBHOOK_ALLOW")
POLDER_WEBHOOK_HTTP = env.flag("POLDER_WEBHOOK_HTTP")
POLDER_WEBHOOK_CA = env.text("POLDER_WEBHOOK_CA", "")

# -- the provider ----------------------------------------------------------------------------------

POLDER_PROVIDER_NAME = env.text("POLDER_PROVIDER_NAME", "Polder Cloud")
POLDER_PROVIDER_COUNTRY = env.text("POLDER_PROVIDER_COUNTRY", "NL")
POLDER_PROVIDER_VAT_PERCENT = seller.percent("POLDER_PROVIDER_VAT_PERCENT")
POLDER_PROVIDER = seller.identity("POLDER_PROVIDER")
POLDER_PROVIDER_OSS = env.flag("POLDER_PROVIDER_OSS", True)
# Whoever gives no billing details may use what the price list gives away, and no more.
POLDER_FREE_TIER = env.flag("POLDER_FREE_TIER")
POLDER_PAYMENT_DAYS = env.number("POLDER_PAYMENT_DAYS", 14)
POLDER_DUNNING_DAYS = env.numbers("POLDER_DUNNING_DAYS", "7,14,28")
POLDER_SUSPEND = env.choice("POLDER_SUSPEND", "confirm", "automatic", "never")
POLDER_SUSPEND_DAYS = env.number("POLDER_SUSPEND_DAYS", 42)
POLDER_SUSPEND_WARN_DAYS = env.number("POLDER_SUSPEND_WARN_DAYS", 7)
POLDER_VIES_CLIENT = env.text("POLDER_VIES_CLIENT", "")  # see billing.identity.vies
POLDER_CURRENCY = "EUR"
# Linked under every public page where set.
POLDER_IMPRINT_URL = env.text("POLDER_IMPRINT_URL", "")
POLDER_PRIVACY_URL = env.text("POLDER_PRIVACY_URL", "")
POLDER_SOURCE_URL = env.text("POLDER_SOURCE_URL", "")
POLDER_SECURITY_CONTACT = env.words("POLDER_SECURITY_CONTACT")  # mailto:… or https://…
POLDER_SECURITY_POLICY = env.text("POLDER_SECURITY_POLICY", "")

POLDER_MAVEN_REPOSITORY = env.text("POLDER_MAVEN_REPOSITORY", "")  # a mirror, where wanted
POLDER_CACHE = env.cache()  # what can be fetched again, shared by all copies of Polder

# -- API -------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.api.authentication.TokenAuthentication",
        "portal.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "portal.api.schema.Schema",
    "EXCEPTION_HANDLER": "portal.api.errors.problem_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Polder",
    "DESCRIPTION": "Managed platform services: order, operate, see what they cost.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [],
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE_NAME},
        }
    },
}
POLDER_API_REQUESTS_PER_MINUTE = env.number("POLDER_API_REQUESTS_PER_MINUTE", 1200)

LOGGING = logs.configuration(
    form=env.text("POLDER_LOG_FORMAT", "text"), level=env.text("POLDER_LOG_LEVEL", "INFO")
)
