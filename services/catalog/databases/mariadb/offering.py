"""MariaDB. Life cycle: https://mariadb.org/about/#maintenance-policy (long-term series)."""

from datetime import date
from decimal import Decimal

from services.manifests.parameters import BACKUP_DAYS, PUBLIC
from services.spec import Family, Offering, Parameter, Plan, Version, gettext_noop

OFFERING = Offering(
    slug="mariadb",
    prefix="ma",
    symbol="Ma",
    name="MariaDB",
    family=Family.DATABASES,
    summary=gettext_noop("Relational database that speaks MySQL's protocol"),
    description=gettext_noop(
        "The open-source relational database with the protocol that every MySQL client knows: a "
        "database and a user of your own, InnoDB, JSON and window functions. Connections without "
        "TLS are refused."
    ),
    licence="GPL-2.0-only",
    trademarks=(
        ("MariaDB", "MariaDB plc or its affiliates"),
        ("MySQL", "Oracle Corporation or its affiliates"),
    ),
    price_class="database.mariadb",
    sla_class="database",
    spot=("dev",),
    secrets=("password", "root_password"),
    fixed_nodes=True,
    versions=(
        Version("11.4", ends_on=date(2029, 5, 29)),
        Version("10.11", ends_on=date(2028, 2, 16)),
    ),
    plans=(
        Plan("dev-1x1", vcpu=Decimal(1), memory_mib=1024, storage_gib=10),
        Plan("single-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=80),
        Plan("single-4x16", vcpu=Decimal(4), memory_mib=16384, storage_gib=160),
        Plan("ha-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=80, nodes=3),
    ),
    parameters=(
        Parameter(
            "database",
            gettext_noop("Database name"),
            "string",
            default="app",
            minimum=1,
            maximum=40,
            pattern=r"(?!(mysql|sys|test|information_schema|performance_schema)$)[a-z][a-z0-9_]*",
            mutable=False,
            advanced=False,
            help=gettext_noop(
                "Lower-case letters, digits and underscores; begin with a letter. Not “mysql”, "
                "“sys”, “test”, “information_schema” or “performance_schema”."
            ),
        ),
        Parameter(
            "character_set",
            gettext_noop("Character set"),
            "choice",
            default="utf8mb4",
            choices=("utf8mb4", "utf8mb3", "latin1", "ascii"),
            mutable=False,
            help=gettext_noop("Of the database and of new tables. “utf8mb4” holds every script."),
        ),
        Parameter(
            "max_connections",
            gettext_noop("Connections at most"),
            "integer",
            default=100,
            minimum=10,
            maximum=500,
            restart="kubernetes",
            help=gettext_noop("Each open connection takes some of the plan's memory."),
        ),
        Parameter(
            "sql_mode",
            gettext_noop("SQL mode"),
            "choice",
            default="strict",
            choices=("strict", "traditional", "ansi", "lenient"),
            restart="kubernetes",
            help=gettext_noop(
                "“strict” refuses values that do not fit; “traditional” refuses zero dates too; "
                "“ansi” is strict and reads double quotes as names; “lenient” cuts values to fit, "
                "with a warning. New connections use it."
            ),
        ),
        Parameter(
            "slow_query_seconds",
            gettext_noop("Log statements slower than, seconds"),
            "integer",
            default=0,
            minimum=0,
            maximum=3600,
            restart="kubernetes",
            help=gettext_noop("0 logs none. The log holds the statement with its values."),
        ),
        PUBLIC,
        BACKUP_DAYS,
    ),
)
