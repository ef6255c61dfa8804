"""Gives the tenant's user its password and its rights. May run again.

Run by the Python of the client engine with JSON on stdin. Exit code 75: not yet.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

NOT_YET = 75
ITERATIONS = 4096
TIMEOUT_SECONDS = 10
ALLOWED = {
    ResourceType.TOPIC: (
        AclOperation.CREATE,
        AclOperation.READ,
        AclOperation.WRITE,
        AclOperation.DELETE,
        AclOperation.DESCRIBE,
        AclOperation.ALTER,
        AclOperation.DESCRIBE_CONFIGS,
        AclOperation.ALTER_CONFIGS,
    ),
    ResourceType.GROUP: (AclOperation.READ, AclOperation.DESCRIBE, AclOperation.DELETE),
    ResourceType.TRANSACTIONAL_ID: (AclOperation.WRITE, AclOperation.DESCRIBE),
}
# The server's own topics hold offsets and transactions; a right for all topics is not for these.
INTERNAL = ("__consumer_offsets", "__transaction_state", "__share_group_state")
DENIED = (
    AclOperation.WRITE,
    AclOperation.DELETE,
    AclOperation.ALTER,
    AclOperation.ALTER_CONFIGS,
)
PASSING = (
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NOT_CONTROLLER,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
)


def rights(username: str) -> list[AclBinding]:
    def right(kind: Any, name: str, operation: Any, permission: Any) -> AclBinding:
        pattern, who = ResourcePatternType.LITERAL, f"User:{username}"
        return AclBinding(kind, name, pattern, who, "*", operation, permission)

    allow, deny = AclPermissionType.ALLOW, AclPermissionType.DENY
    return [
        *(right(kind, "*", op, allow) for kind, ops in ALLOWED.items() for op in ops),
        *(right(ResourceType.TOPIC, name, op, deny) for name in INTERNAL for op in DENIED),
    ]


def wait(futures: Mapping[Any, Any] | Iterable[Any]) -> None:
    for future in futures.values() if isinstance(futures, Mapping) else futures:
        future.result(TIMEOUT_SECONDS)


def grant(wanted: dict[str, Any]) -> None:
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
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    user = UserScramCredentialUpsertion(wanted["username"], scram, wanted["password"].encode())
    wait(admin.alter_user_scram_credentials([user]))
    wait(admin.create_acls(rights(wanted["username"])))


def log_in(wanted: dict[str, Any]) -> None:
    """As the tenant, the way the tenant does; the rights reach the server a moment later."""
    AdminClient(
        {
            "bootstrap.servers": wanted["client"],
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": wanted["ca"],
            "sasl.mechanisms": "SCRAM-SHA-512",
            "sasl.username": wanted["username"],
            "sasl.password": wanted["password"],
            "log_level": 0,
        }
    ).list_topics(timeout=TIMEOUT_SECONDS)


def main() -> None:
    wanted = json.load(sys.stdin)
    try:
        grant(wanted)
        log_in(wanted)
    except KafkaException as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NOT_YET if error.args[0].code() in PASSING else 1)


if __name__ == "__main__":
    main()
