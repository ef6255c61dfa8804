"""RabbitMQ 3.10, from the machine's own packages."""

from services.spec import Debian, Engine

ENGINES = (
    Engine(
        name="rabbitmq-3.10",
        title="RabbitMQ 3.10",
        version="3.10",
        # The program of that name in /usr/sbin changes to a user of its own.
        source=Debian("rabbitmq-server", "rabbitmq-server", ("/usr/lib/rabbitmq/bin",)),
        licence="MPL-2.0",
        size_mib=52,
        download_mib=0,
    ),
)
