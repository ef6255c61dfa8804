"""PostgreSQL. Life cycle: https://www.postgresql.org/support/versioning/ (read November 2026)."""

from datetime import date
from decimal import Decimal

from services.manifests.parameters import BACKUP_DAYS, PUBLIC
from services.spec import (
    Family,
    Offering,
    Parameter,
    Plan,
    Version,
    VersionStatus,
    gettext_noop,
)

OFFERING = Offering(
    slug="postgresql",
    prefix="pg",
    symbol="Pg",
    name="PostgreSQL",
    family=Family.DATABASES,
    summary=gettext_noop("Relational database for almost everything"),
    description=gettext_noop(
        "The open-source relational database, with a database and a user of your own, TLS on, and "
        "the extensions that ship with it."
    ),
    licence="PostgreSQL",
    trademarks=(("PostgreSQL", "PostgreSQL Community Association of Canada"),),
    price_class="database.postgresql",
    sla_class="database",
    spot=("dev",),
    popular=True,
    secrets=("password", "admin_password"),
    upgrade_stops=True,
    versions=(
        Version("17", ends_on=date(2029, 11, 8)),
        Version("18", ends_on=date(2030, 11, 14)),
        Version("16", ends_on=date(2028, 11, 9)),
        Version("15", VersionStatus.DEPRECATED, date(2027, 11, 11)),
        Version("14", VersionStatus.END_OF_LIFE, date(2026, 11, 12)),
    ),
    plans=(
        Plan("dev-1x1", vcpu=Decimal(1), memory_mib=1024, storage_gib=10),
        Plan("single-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=80),
        Plan("single-4x16", vcpu=Decimal(4), memory_mib=16384, storage_gib=160),
        Plan("ha-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=80, nodes=3),
        Plan("ha-4x16", vcpu=Decimal(4), memory_mib=16384, storage_gib=160, nodes=3),
    ),
    parameters=(
        Parameter(
            "database",
            gettext_noop("Database name"),
            "string",
            default="app",
            minimum=1,
            maximum=40,
            pattern=r"(?!postgres$|template[01]$|polder)[a-z][a-z0-9_]*",
            mutable=False,
            advanced=False,
            help=gettext_noop(
                "Lower-case letters, digits and underscores; begin with a letter. Not “postgres”, "
                "“template0”, “template1”, and nothing that begins with “polder”."
            ),
        ),
        Parameter(
            "max_connections",
            gettext_noop("Connections at most"),
            "integer",
            default=100,
            minimum=10,
            maximum=500,
            help=gettext_noop("Each open connection takes some of the plan's memory."),
        ),
        Parameter(
            "work_mem_mib",
            gettext_noop("Memory for one sort, MiB"),
            "integer",
            default=4,
            minimum=1,
            maximum=256,
            restart=False,
            help=gettext_noop("A query may take this several times."),
        ),
        Parameter(
            "statement_timeout_seconds",
            gettext_noop("Longest statement, seconds"),
            "integer",
            default=0,
            minimum=0,
            maximum=86400,
            restart=False,
            help=gettext_noop("0 means no limit."),
        ),
        Parameter(
            "time_zone",
            gettext_noop("Time zone"),
            "choice",
            default="UTC",
            choices=(
                "UTC",
                "Europe/Amsterdam",
                "Europe/Berlin",
                "Europe/Brussels",
                "Europe/Madrid",
                "Europe/Paris",
                "Europe/Rome",
                "Europe/Warsaw",
            ),
            restart=False,
        ),
        PUBLIC,
        BACKUP_DAYS,
    ),
)
