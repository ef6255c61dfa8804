"""Messages that clients send, requests to JetStream among them. Polder sends none: it reads the
greeting and the monitoring port. Source: NATS 2.14 and 2.15, "Monitoring" (`/varz`), and the names
that prometheus-nats-exporter makes of it.
"""

import json

from services.manifests.counting import counted as counted
from services.manifests.counting import listings as listings
from services.manifests.counting import of_pods
from services.spec import Standing

METERS: tuple[str, ...] = ()
# What servers hand on to each other is in `in_msgs` alone.
COUNTERS = (of_pods("messages", "nats_varz_in_client_msgs", "server_id"),)


def taken_in(varz: str) -> tuple[Standing, ...]:
    return (Standing("messages", int(json.loads(varz)["in_client_msgs"])),)
