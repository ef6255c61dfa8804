"""RabbitMQ. Series 3.10 is what Debian ships and repairs; upstream has moved on, to what runs on
Kubernetes.
"""

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
    slug="rabbitmq",
    prefix="rq",
    symbol="Rq",
    name="RabbitMQ",
    family=Family.INTEGRATION,
    summary=gettext_noop("Reliable queues over AMQP"),
    description=gettext_noop(
        "Queues, exchanges and routing over AMQP 0-9-1, with a virtual host of your own and the "
        "management pages: priority queues, dead letters, quorum queues and streams. TLS is on. "
        "Version 3.10 gets security fixes from Debian only."
    ),
    licence="MPL-2.0",
    trademarks=(("RabbitMQ", "Broadcom Inc. or its subsidiaries"),),
    price_class="integration.rabbitmq",
    sla_class="database",
    meters=(*METERS_OF_PLANS, Meter("messages", "million")),
    spot=("dev", "single"),
    database_label=gettext_noop("Virtual host"),
    secrets=("password", "admin_password", "cookie"),
    fixed_nodes=True,
    versions=(Version("4.2"), Version("3.10", VersionStatus.DEPRECATED)),
    plans=(
        Plan("dev-1x1", vcpu=Decimal(1), memory_mib=1024, storage_gib=10),
        Plan("single-2x4", vcpu=Decimal(2), memory_mib=4096, storage_gib=40),
        Plan("single-4x16", vcpu=Decimal(4), memory_mib=16384, storage_gib=160),
        Plan("ha-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=80, nodes=3),
    ),
    parameters=(
        Parameter(
            "vhost",
            gettext_noop("Virtual host"),
            "string",
            default="app",
            minimum=1,
            maximum=40,
            pattern=r"[a-z][a-z0-9_.-]*",
            mutable=False,
            advanced=False,
            help=gettext_noop(
                "Lower-case letters, digits, points, hyphens and underscores; begin with a letter."
            ),
        ),
        Parameter(
            "max_connections",
            gettext_noop("Connections at most"),
            "integer",
            default=200,
            minimum=5,
            maximum=5000,
            restart=False,
            help=gettext_noop("Each open connection takes about 0.1 MiB of the plan's memory."),
        ),
        Parameter(
            "max_queues",
            gettext_noop("Queues at most"),
            "integer",
            default=1000,
            minimum=1,
            maximum=10000,
            restart=False,
        ),
        Parameter(
            "max_message_mib",
            gettext_noop("Largest message, MiB"),
            "integer",
            default=16,
            minimum=1,
            maximum=128,
        ),
        Parameter(
            "consumer_timeout_minutes",
            gettext_noop("Longest time to acknowledge, minutes"),
            "integer",
            default=30,
            minimum=1,
            maximum=1440,
            help=gettext_noop("A consumer that takes longer loses its channel."),
        ),
        PUBLIC,
    ),
)
