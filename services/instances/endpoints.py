"""The endpoints of a service as people read them: in one order, each with what it is for."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from services.spec import Endpoint, gettext_noop

# By the name that renderers give it, in the order to show them: where work goes in first, then what
# only reads, then the rest. All of it again for those outside comes last.
_PURPOSES = {
    "client": gettext_noop("Where clients connect."),
    "amqps": gettext_noop("Where clients connect, by AMQP 0-9-1 or 1.0."),
    "api": gettext_noop("The API server of the cluster, for kubectl."),
    "s3": gettext_noop("Where S3 clients connect."),
    "http": gettext_noop("Where requests go."),
    "read": gettext_noop("Reads only, from the replicas, which may be a moment behind."),
    "pooler": gettext_noop("Reads and writes through a pool: for many connections that are short."),
    "mqtt": gettext_noop("Where devices connect by MQTT."),
    "management": gettext_noop("Pages and an HTTP API to look after it."),
    "dashboards": gettext_noop("OpenSearch Dashboards, for a browser."),
    "node": gettext_noop("One node alone, for clients that choose the node of a key themselves."),
    "public": gettext_noop("The same from the internet."),
}
# Protocols whose servers are a primary and its replicas.
_WITH_A_PRIMARY = frozenset({"postgresql", "mysql", "redis"})
_PRIMARY = gettext_noop("Reads and writes: always leads to the primary.")
_RANK = {name: number for number, name in enumerate(_PURPOSES)}
_OUTSIDE = "public-"


def ordered(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """The first is where a client that knows nothing more should go."""
    return sorted(endpoints, key=_rank)


def purpose(name: str, protocol: str) -> str:
    """What an endpoint is for, in the reader's language; empty where that is not known."""
    inside = name.removeprefix(_OUTSIDE)
    text = _PURPOSES.get(_sort(inside), "")
    if inside == "client" and protocol in _WITH_A_PRIMARY:
        text = _PRIMARY
    outside = gettext_noop("From the internet.") if inside != name else ""
    return " ".join(_(part) for part in (text, outside) if part)


def _sort(name: str) -> str:
    """`node2` is a node."""
    return "node" if name.removeprefix("node").isdecimal() else name


def _rank(endpoint: Endpoint) -> tuple[bool, int, int]:
    """Nodes stay in the order of their numbers."""
    inside = endpoint.name.removeprefix(_OUTSIDE)
    number = inside.removeprefix("node")
    rank = _RANK.get(_sort(inside), len(_RANK))
    return (inside != endpoint.name, rank, int(number) if number.isdecimal() else 0)
