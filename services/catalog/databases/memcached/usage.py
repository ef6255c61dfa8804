"""Requests of clients, one for each key: reads, writes, touches, deletions and sums. What Polder
asks (`version`, `mn`, `stats`, and the `set` that is a login) is none of them. Nobody tells it in a
cluster, where no exporter runs beside the server. Source: Memcached 1.6, doc/protocol.txt.
"""

from services.manifests.counting import counted as counted
from services.manifests.counting import listings as listings
from services.spec import Counter, Standing

METERS: tuple[str, ...] = ()
COUNTERS: tuple[Counter, ...] = ()
_ASKED = frozenset(
    {
        *("cmd_get", "cmd_set", "cmd_touch", "cmd_flush"),
        *(f"{verb}_{end}" for verb in ("delete", "incr", "decr") for end in ("hits", "misses")),
    }
)


def requests(stats: str) -> tuple[Standing, ...]:
    """From the answer to `stats`."""
    fields = [line.split() for line in stats.splitlines() if line.startswith("STAT ")]
    found = {name: value for _stat, name, value in fields if name in _ASKED}
    if found.keys() != _ASKED:
        raise ValueError("no statistics")
    return (Standing("requests", sum(int(value) for value in found.values())),)
