"""Parameters that many offerings have."""

from services.spec import Parameter, gettext_noop

PUBLIC = Parameter(
    "public",
    gettext_noop("Reachable from the internet"),
    "boolean",
    default=False,
    restart=False,
    backend="kubernetes",
    help=gettext_noop(
        "A public name and address, always with TLS. Otherwise only what runs in the same "
        "project reaches it."
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
    help=gettext_noop("A backup is made each night where the region has a store for backups."),
)
