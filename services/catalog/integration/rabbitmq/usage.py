"""Messages that clients publish. Polder publishes none: it opens connections, and asks the
management pages. Source: RabbitMQ's documentation, "Monitoring" and "Prometheus", 3.10 and 4.2.
"""

import json

from services.manifests.counting import counted as counted
from services.manifests.counting import listings as listings
from services.manifests.counting import of_pods
from services.spec import Standing

METERS: tuple[str, ...] = ()
# On the node to which a client speaks: what nodes tell each other is not in it.
COUNTERS = (of_pods("messages", "rabbitmq_global_messages_received_total", "protocol"),)


def published(overview: str) -> tuple[Standing, ...]:
    """From `GET /api/overview`: in all virtual hosts, seconds late."""
    stats = json.loads(overview)["message_stats"]
    return (Standing("messages", int(stats.get("publish", 0))),)
