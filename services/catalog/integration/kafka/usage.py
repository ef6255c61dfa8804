"""Messages that topics took in, as their offsets tell: the marks that end a transaction are among
them, the server's own topics are not. Polder writes none. In a cluster brokers count what they take
in for each topic. Source: Kafka 4.4 documentation (ListOffsets, BrokerTopicMetrics).
"""

import json

from services.manifests.counting import counted as counted
from services.manifests.counting import listings as listings
from services.manifests.counting import of_pods
from services.spec import Standing

METERS: tuple[str, ...] = ()
COUNTERS = (
    of_pods(
        "messages",
        'kafka_server_brokertopicmetrics_messagesinpersec_total{topic!~"|__.*"}',
        "topic",
    ),
)


def taken_in(offsets: str) -> tuple[Standing, ...]:
    """From what `offsets.py` prints: by topic. The first one stands for there being none."""
    found = json.loads(offsets)
    return (
        Standing("messages", 0),
        *(Standing("messages", int(value), topic) for topic, value in found.items()),
    )
