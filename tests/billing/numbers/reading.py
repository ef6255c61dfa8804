"""How an address is measured: so many requests, one after the other, once all is warm."""

from __future__ import annotations

from tests.billing.numbers.made import asked
from tests.serving import Headers, Server, p50_and_p95

TIMES = asked("POLDER_TIMES", 10)
MOST_CPU = 500  # ms; the dearest page takes half of it
MOST_CPU_OF_MANY = 4000  # what grows with the services of an organisation, or with the whole cloud
_WARM = 16  # two workers of four threads, each with a connection of its own


def measure(
    server: Server, name: str, address: str, headers: Headers, queries: int | None = None
) -> float:
    """Prints a row of a table (p50, p95, processor time of web server and database, size on the
    wire, and what `queries` says); that processor time of a request, in milliseconds: of all that
    is measured it alone does not depend on who else is at work.
    """
    for _ in range(_WARM):
        server.ask(address, headers)
    before = server.cpu_milliseconds()
    found = [server.ask(address, headers) for _ in range(TIMES)]
    cpu = zip(server.cpu_milliseconds(), before, strict=True)
    web, database = ((after - earlier) / TIMES for after, earlier in cpu)
    p50, p95 = p50_and_p95([taken for taken, _size in found])
    last = "" if queries is None else f" {queries} |"
    size = found[0][1] / 1000
    used = f"{web:.0f} + {database:.0f}"
    print(f"| {name} | {p50:.0f} | {p95:.0f} | {used} | {size:.1f} kB |{last}", flush=True)
    return web + database
