"""Redis-compatible cache and store: Valkey, named as what it is."""

from dataclasses import replace
from decimal import Decimal

from services.manifests.parameters import PUBLIC
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
    slug="redis",
    prefix="rd",
    symbol="Vk",
    name="Valkey (Redis-compatible)",
    family=Family.DATABASES,
    summary=gettext_noop("In-memory cache and data structures"),
    description=gettext_noop(
        "Valkey speaks the Redis protocol: strings, hashes, streams, pub/sub and scripts, kept on "
        "disk if you wish."
    ),
    licence="BSD-3-Clause",
    trademarks=(
        ("Valkey", "LF Projects, LLC"),
        ("Redis", "Redis Ltd."),
    ),
    price_class="database.valkey",
    sla_class="database",
    meters=(*METERS_OF_PLANS, Meter("requests", "million")),
    spot=("dev", "single"),
    popular=True,
    secrets=("password", "admin_password"),
    versions=(Version("9"),),
    plans=(
        Plan("dev-1x1", vcpu=Decimal(1), memory_mib=1024, storage_gib=2),
        Plan("single-2x4", vcpu=Decimal(2), memory_mib=4096, storage_gib=8),
        Plan("single-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=16),
        Plan("ha-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=16, nodes=3),
    ),
    parameters=(
        Parameter(
            "eviction",
            gettext_noop("When memory is full"),
            "choice",
            default="noeviction",
            choices=(
                "noeviction",
                "allkeys-lru",
                "allkeys-lfu",
                "volatile-lru",
                "volatile-lfu",
                "volatile-ttl",
            ),
            advanced=False,
            help=gettext_noop(
                "“noeviction” refuses writes and suits a store; “allkeys-lru” forgets what was not "
                "used for long and suits a cache."
            ),
        ),
        Parameter(
            "persistence",
            gettext_noop("Keep data on disk"),
            "choice",
            default="every-second",
            choices=("every-second", "every-write", "off"),
            help=gettext_noop(
                "How often writes reach the disk. With “off” a restart begins with an empty store."
            ),
        ),
        Parameter(
            "max_connections",
            gettext_noop("Connections at most"),
            "integer",
            default=1000,
            minimum=10,
            maximum=10000,
        ),
        Parameter(
            "mode",
            gettext_noop("How nodes share the data"),
            "choice",
            default="replicated",
            choices=("replicated", "cluster"),
            mutable=False,
            backend="kubernetes",
            help=gettext_noop(
                "“replicated” keeps all data on each node; “cluster” shares data and plan out to "
                "three leaders and needs clients that know Redis Cluster."
            ),
        ),
        replace(PUBLIC, needs=(*PUBLIC.needs, "issuer"), unless=("mode", "cluster")),
    ),
)
