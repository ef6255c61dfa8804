"""NATS: messages, streams and MQTT."""

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
    slug="nats",
    prefix="nt",
    symbol="Na",
    name="NATS",
    family=Family.INTEGRATION,
    summary=gettext_noop("Fast messaging with streams and MQTT"),
    description=gettext_noop(
        "Publish and subscribe, request and reply, and JetStream for what must be kept: streams, "
        "key-value and object stores. Devices connect with MQTT. TLS is on."
    ),
    licence="Apache-2.0",
    trademarks=(("NATS", "The Linux Foundation"),),
    price_class="integration.nats",
    sla_class="database",
    meters=(*METERS_OF_PLANS, Meter("messages", "million")),
    spot=("dev", "single"),
    fixed_nodes=True,
    versions=(Version("2"),),
    plans=(
        Plan("dev-1x1", vcpu=Decimal(1), memory_mib=1024, storage_gib=5),
        Plan("single-2x4", vcpu=Decimal(2), memory_mib=4096, storage_gib=20),
        Plan("single-4x16", vcpu=Decimal(4), memory_mib=16384, storage_gib=80),
        Plan("ha-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=40, nodes=3),
    ),
    parameters=(
        Parameter(
            "max_connections",
            gettext_noop("Connections at most"),
            "integer",
            default=1000,
            minimum=10,
            maximum=10000,
            restart=False,
            help=gettext_noop("NATS and MQTT clients together."),
        ),
        Parameter(
            "max_payload_kib",
            gettext_noop("Largest message, KiB"),
            "integer",
            default=1024,
            minimum=1,
            maximum=8192,
            restart=False,
            help=gettext_noop(
                "Above 8 MiB NATS recommends an object store instead, which JetStream has."
            ),
        ),
        Parameter(
            "max_subscriptions",
            gettext_noop("Subscriptions of one connection at most"),
            "integer",
            default=0,
            minimum=0,
            maximum=100000,
            restart=False,
            help=gettext_noop("0 means no limit."),
        ),
        PUBLIC,
    ),
)
