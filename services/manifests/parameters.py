"""Parameters that many offerings have."""

from services.spec import Parameter, gettext_noop

PUBLIC = Parameter(
    "public",
    gettext_noop("Reachable from the internet"),
    "boolean",
    default=False,
    restart=False,
    backend="kubernetes",
    needs=("external", "domain"),
    help=gettext_noop(
        "A public name and address, always with TLS. Public IPv4 addresses of its own cost extra, "
        "by their time. Otherwise only what runs in the same project reaches it."
    ),
)
BACKUP_DAYS = Parameter(
    "backup_days",
    gettext_noop("Days to keep backups"),
    "integer",
    default=7,
    minimum=7,
    maximum=35,
    restart=False,
    backend="kubernetes",
    needs=("backup_store",),
    help=gettext_noop("A backup is made each night where the region has a store for backups."),
)
# Of containers that run while they are asked for. A host, a path, and a tag or a digest.
IMAGE = Parameter(
    "image",
    gettext_noop("Image"),
    "string",
    default="ghcr.io/knative/helloworld-go:latest",
    minimum=5,
    maximum=255,
    pattern=r"[a-z0-9]+([.-][a-z0-9]+)*\.[a-z]{2,}(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})",
    advanced=False,
    restart=False,
    help=gettext_noop(
        "Registry, name, and a tag or a digest, as registry.example.eu/team/app:7. The image must "
        "be public and must not run as root."
    ),
)
SCALE = (
    Parameter(
        "min_scale",
        gettext_noop("Containers held ready"),
        "integer",
        default=0,
        minimum=0,
        maximum=10,
        restart=False,
        help=gettext_noop("With 0, the first request after a pause waits for a start."),
    ),
    Parameter(
        "max_scale",
        gettext_noop("Containers at most"),
        "integer",
        default=10,
        minimum=1,
        maximum=50,
        restart=False,
    ),
    Parameter(
        "concurrency",
        gettext_noop("Requests at once in one container"),
        "integer",
        default=100,
        minimum=0,
        maximum=1000,
        restart=False,
        help=gettext_noop("0 sets no limit."),
    ),
    Parameter(
        "timeout_seconds",
        gettext_noop("Longest answer, seconds"),
        "integer",
        default=300,
        minimum=1,
        maximum=600,
        restart=False,
    ),
)
