"""Memcached. Source: the project's release notes; upstream keeps the 1.6 series alive."""

from decimal import Decimal

from services.spec import (
    METERS_OF_PLANS,
    Family,
    Meter,
    Offering,
    Parameter,
    Plan,
    Version,
    gettext_noop,
)

OFFERING = Offering(
    slug="memcached",
    prefix="mc",
    symbol="Mc",
    name="Memcached",
    family=Family.DATABASES,
    summary=gettext_noop("Plain cache in memory"),
    description=gettext_noop(
        "Keys and values in memory, for sessions and for what is costly to compute. Nothing is "
        "kept on disk: a pause, a new password, a change of plan or a restart empties the cache. "
        "TLS is on, and clients log in."
    ),
    licence="BSD-3-Clause",
    price_class="database.memcached",
    sla_class="database",
    meters=(*METERS_OF_PLANS, Meter("requests", "million")),
    versions=(Version("1.6"),),
    plans=(
        Plan("dev-1x1", vcpu=Decimal(1), memory_mib=1024, storage_gib=0),
        Plan("single-2x4", vcpu=Decimal(2), memory_mib=4096, storage_gib=0),
        Plan("single-4x16", vcpu=Decimal(4), memory_mib=16384, storage_gib=0),
        Plan("ha-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=0, nodes=3),
    ),
    parameters=(
        Parameter(
            "when_full",
            gettext_noop("When memory is full"),
            "choice",
            default="evict",
            choices=("evict", "refuse"),
            advanced=False,
            help=gettext_noop(
                "“evict” forgets what was not used for long; “refuse” answers new writes with an "
                "error. Changing it empties the cache."
            ),
        ),
        Parameter(
            "max_connections",
            gettext_noop("Connections at most"),
            "integer",
            default=1000,
            minimum=10,
            maximum=10000,
            help=gettext_noop("Further clients are turned away. Changing it empties the cache."),
        ),
        Parameter(
            "max_item_mib",
            gettext_noop("Largest item, MiB"),
            "integer",
            default=1,
            minimum=1,
            maximum=64,
            help=gettext_noop("Large items waste memory. Changing it empties the cache."),
        ),
    ),
)
