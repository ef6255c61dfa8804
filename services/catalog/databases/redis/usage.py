"""Commands of clients, but for those that are about the connection or the server: these are what
Polder sends, to see that the server answers. Nobody tells it in a cluster: each replica counts what
its leader has handed on, as if a client had asked. Source: Valkey 9 documentation, `INFO`.
"""

from services.manifests.counting import counted as counted
from services.manifests.counting import listings as listings
from services.spec import Counter, Standing

METERS: tuple[str, ...] = ()
COUNTERS: tuple[Counter, ...] = ()
_NONE = frozenset(
    {
        *("acl", "auth", "client", "cluster", "command", "config", "hello"),
        *("info", "ping", "quit", "reset", "select", "slowlog"),
    }
)


def requests(info: str) -> tuple[Standing, ...]:
    """From `INFO commandstats`: lines such as `cmdstat_get:calls=3,usec=9` or
    `cmdstat_client|list:calls=1`.
    """
    if "# Commandstats" not in info:
        raise ValueError("no statistics")
    total = 0
    for line in info.splitlines():
        name, _, told = line.strip().partition(":")
        command = name.removeprefix("cmdstat_").partition("|")[0]
        if name.startswith("cmdstat_") and command not in _NONE:
            total += int(dict(part.split("=") for part in told.split(","))["calls"])
    return (Standing("requests", total),)
