"""InfluxDB. Series 1.6 is what Debian ships and repairs; upstream has moved on."""

from decimal import Decimal

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
    slug="influxdb",
    prefix="in",
    symbol="In",
    name="InfluxDB",
    family=Family.DATABASES,
    summary=gettext_noop("Time series with retention"),
    description=gettext_noop(
        "Measurements over time: line protocol to write, InfluxQL to ask, old data dropped after "
        "the time you choose. TLS is on. Version 1.6 gets security fixes from Debian only."
    ),
    licence="MIT",
    trademarks=(("InfluxDB", "InfluxData, Inc."),),
    price_class="database.timeseries",
    sla_class="database",
    spot=("dev",),
    secrets=("password", "admin_password", "token_key"),
    versions=(Version("1.6", VersionStatus.DEPRECATED),),
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
            pattern=r"[a-z][a-z0-9_]*",
            mutable=False,
            advanced=False,
            help=gettext_noop("Lower-case letters, digits and underscores; begin with a letter."),
        ),
        Parameter(
            "retention_days",
            gettext_noop("Keep data for, days"),
            "integer",
            default=0,
            minimum=0,
            maximum=3650,
            mutable=False,
            advanced=False,
            help=gettext_noop("Older points are dropped. 0 keeps them for ever."),
        ),
        Parameter(
            "max_connections",
            gettext_noop("Connections at most"),
            "integer",
            default=200,
            minimum=10,
            maximum=5000,
            help=gettext_noop("Further connections are closed at once."),
        ),
        Parameter(
            "query_timeout_seconds",
            gettext_noop("Longest query, seconds"),
            "integer",
            default=0,
            minimum=0,
            maximum=3600,
            help=gettext_noop("0 means no limit."),
        ),
        Parameter(
            "max_queries",
            gettext_noop("Queries at the same time, at most"),
            "integer",
            default=0,
            minimum=0,
            maximum=1000,
            help=gettext_noop("One more is refused. 0 means no limit."),
        ),
    ),
)
