"""Memcached as a process of this machine. Source: Memcached 1.6 manual page, doc/tls.txt and
doc/protocol.txt (“Authentication”).

A client says `set KEY 0 0 LENGTH`, then “user password” as the value; before that everything is
refused. UDP, the shutdown command and dumps of keys are off. The server reads its password and its
certificate at the start only, so every change of them restarts it, and a restart empties the cache.
"""

from services.catalog.databases.memcached.usage import requests
from services.spec import (
    Capability,
    Counting,
    Credentials,
    Endpoint,
    Exec,
    File,
    InstanceSpec,
    Listener,
    Place,
    ProcessSpec,
    Secret,
    Talk,
)

LISTENERS = (Listener("client"),)
ALSO: tuple[str, ...] = ()
CAPABILITIES = frozenset({Capability.PAUSE, Capability.RESIZE, Capability.ROTATE, Capability.LOGS})
USER = "app"
_USABLE_SHARE = 4 / 5  # of the plan's memory; the rest is for connections and the hash table
# The limit of connections is also that of files, and the server needs some itself. Counted on
# 1.6.18: eight, and four a thread; one more is for the readiness check of a full server.
_OWN_FILES, _THREAD_FILES = 9, 4
_ENGINES = {"1.6": "memcached-1.6"}


def engine(version: str) -> str:
    return _ENGINES[version]


def prepare(place: Place) -> tuple[Exec, ...]:
    return ()


def process(spec: InstanceSpec, place: Place) -> ProcessSpec:
    port, password = place.ports["client"], spec.secrets["password"]
    where = f"{place.host}:{port}"
    login = f"{USER} {password}"
    log_in = f"set auth 0 0 {len(login)}\r\n{login}\r\n"
    return ProcessSpec(
        argv=[f"{place.home}/memcached", *_options(spec, place)],
        files=(File("users", Secret(f"{USER}:{password}\n")),),
        ready=Talk(
            port,
            Secret(f"{log_in}mn\r\n"),
            expect=r"^STORED\r\nMN\r\n",
            tls=True,
        ),
        counting=Counting(
            Talk(port, Secret(f"{log_in}stats\r\n"), expect=r"\r\nEND\r\n$", tls=True), requests
        ),
        stop_seconds=10,
        endpoints=(
            Endpoint("client", "memcached", place.host, port, f"memcacheds://{where}", True),
        ),
        credentials=Credentials(
            username=USER,
            password=password,
            uri=Secret(f"memcacheds://{USER}:{password}@{where}"),
            host=place.host,
            port=port,
            ca_certificate=place.ca,
            env={
                "MEMCACHED_SERVERS": Secret(where),
                "MEMCACHED_USERNAME": Secret(USER),
                "MEMCACHED_PASSWORD": password,
            },
        ),
    )


def _options(spec: InstanceSpec, place: Place) -> list[str]:
    wanted, threads = spec.parameters, max(1, int(spec.plan.vcpu))
    refuse = ["--disable-evictions"] if wanted["when_full"] == "refuse" else []
    return [
        f"--listen={place.host}",
        f"--port={place.ports['client']}",
        "--udp-port=0",
        f"--memory-limit={int(spec.plan.memory_mib * _USABLE_SHARE)}",
        f"--conn-limit={wanted['max_connections'] + _OWN_FILES + _THREAD_FILES * threads}",
        f"--max-item-size={wanted['max_item_mib']}m",
        f"--threads={threads}",
        f"--auth-file={place.config}/users",
        "--disable-dumping",
        *refuse,
        "--enable-ssl",
        f"--extended=ssl_chain_cert={place.certificate},ssl_key={place.key}",
    ]
