"""Apache Kafka: event streaming."""

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
    VersionStatus,
    gettext_noop,
)

OFFERING = Offering(
    slug="kafka",
    prefix="kf",
    symbol="Kf",
    name="Apache Kafka",
    family=Family.INTEGRATION,
    summary=gettext_noop("Event streaming with replay"),
    description=gettext_noop(
        "The durable event log: topics with partitions, consumer groups, transactions and replay. "
        "It runs without ZooKeeper; your user logs in with SCRAM over TLS and makes its own topics."
    ),
    licence="Apache-2.0",
    trademarks=(("Apache Kafka", "The Apache Software Foundation"),),
    price_class="integration.kafka",
    sla_class="database",
    meters=(*METERS_OF_PLANS, Meter("messages", "million")),
    spot=("dev",),
    popular=True,
    secrets=("password", "internal_password"),
    fixed_nodes=True,
    versions=(
        Version("4.4"),
        Version("4.2"),
        Version("3.9", VersionStatus.DEPRECATED),
    ),
    plans=(
        Plan("dev-1x1", vcpu=Decimal(1), memory_mib=1024, storage_gib=10),
        Plan("single-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=100),
        Plan("single-4x16", vcpu=Decimal(4), memory_mib=16384, storage_gib=300),
        Plan("ha-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=100, nodes=3),
    ),
    parameters=(
        Parameter(
            "auto_create_topics",
            gettext_noop("Make topics on first use"),
            "boolean",
            default=False,
            advanced=False,
            help=gettext_noop("Handy for trying out; a mistyped name becomes a topic."),
        ),
        Parameter(
            "default_partitions",
            gettext_noop("Partitions of a new topic"),
            "integer",
            default=1,
            minimum=1,
            maximum=64,
            advanced=False,
            help=gettext_noop("Where the topic does not say otherwise."),
        ),
        Parameter(
            "retention_hours",
            gettext_noop("Keep messages, hours"),
            "integer",
            default=168,
            minimum=1,
            maximum=8760,
            advanced=False,
            help=gettext_noop("Where the topic does not say otherwise. 168 hours are a week."),
        ),
        Parameter(
            "max_message_kib",
            gettext_noop("Largest message, KiB"),
            "integer",
            default=1024,
            minimum=16,
            maximum=10240,
            help=gettext_noop("Of a batch, after compression."),
        ),
        Parameter(
            "max_connections",
            gettext_noop("Connections at most"),
            "integer",
            default=500,
            minimum=10,
            maximum=5000,
        ),
        replace(PUBLIC, restart=True),
    ),
)
