"""Prints where the offsets of each topic of the tenant stand, its partitions added up.

Run by the Python of the client engine with JSON on stdin. Exit code 75: not now. All of it or
nothing: a topic that is left out would count anew when it comes back.
"""

import json
import sys
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

NOT_YET = 75
TIMEOUT_SECONDS = 10


def main() -> None:
    wanted = json.load(sys.stdin)
    admin = AdminClient(
        {
            "bootstrap.servers": wanted["broker"],
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanisms": "PLAIN",
            "sasl.username": "broker",
            "sasl.password": wanted["broker_password"],
            "socket.timeout.ms": TIMEOUT_SECONDS * 1000,
            "log_level": 0,
        }
    )
    found: dict[str, int] = {}
    try:
        topics = admin.list_topics(timeout=TIMEOUT_SECONDS).topics
        latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {
            TopicPartition(name, number): latest
            for name, topic in topics.items()
            if name not in wanted["internal"]
            for number in topic.partitions
        }
        told = admin.list_offsets(asked) if asked else {}
        for at, future in told.items():
            offset = future.result(TIMEOUT_SECONDS).offset
            found[at.topic] = found.get(at.topic, 0) + offset
    except KafkaException as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NOT_YET)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
