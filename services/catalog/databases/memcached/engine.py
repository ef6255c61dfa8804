"""Memcached, from the machine's own packages."""

from services.spec import Debian, Engine

ENGINES = (
    Engine(
        name="memcached-1.6",
        title="Memcached 1.6",
        version="1.6",
        source=Debian("memcached", "memcached"),
        licence="BSD-3-Clause",
        size_mib=1,
        download_mib=0,
    ),
)
