"""Valkey as a process of this machine. Source: Valkey 9 documentation (configuration, ACL).

This build has no TLS, so the endpoint says so; it listens on loopback only.
"""

from services.catalog.databases.redis import acl
from services.catalog.databases.redis.acl import USER
from services.catalog.databases.redis.usage import requests
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
ADMIN = "polder_admin"
_APPEND = {
    "every-second": ("yes", "everysec"),
    "every-write": ("yes", "always"),
    "off": ("no", "everysec"),
}
_USABLE_SHARE = 3 / 4  # of the plan's memory; the rest is for buffers and the copy while saving


def engine(version: str) -> str:
    return f"valkey-{version}"


def prepare(place: Place) -> tuple[Exec, ...]:
    return ()


def process(spec: InstanceSpec, place: Place) -> ProcessSpec:
    port, password = place.ports["client"], spec.secrets["password"]
    admin = spec.secrets["admin_password"]
    where = f"{place.host}:{port}/0"
    uri = Secret(f"redis://{USER}:{password}@{where}")
    appending, sync = _APPEND[spec.parameters["persistence"]]
    memory_mib = int(spec.plan.memory_mib * _USABLE_SHARE)
    return ProcessSpec(
        argv=[
            f"{place.home}/valkey-server",
            f"{place.config}/valkey.conf",
            "--maxmemory",
            f"{memory_mib}mb",
            "--maxmemory-policy",
            spec.parameters["eviction"],
            "--appendonly",
            appending,
            "--appendfsync",
            sync,
            "--maxclients",
            str(spec.parameters["max_connections"]),
        ],
        files=(
            File("valkey.conf", Secret(_configuration(place))),
            File("users.acl", Secret(_users(password, admin))),
        ),
        ready=Talk(port, Secret(f"AUTH {USER} {password}\r\nPING\r\n"), r"\+PONG"),
        reload=Talk(
            port, Secret(f"AUTH {ADMIN} {admin}\r\nACL LOAD\r\nPING\r\n"), r"\+OK\s+\+OK\s+\+PONG"
        ),
        counting=Counting(
            Talk(
                port,
                Secret(f"AUTH {ADMIN} {admin}\r\nINFO commandstats\r\nPING\r\n"),
                r"\+PONG\r\n$",
            ),
            requests,
        ),
        endpoints=(
            Endpoint("client", "redis", place.host, port, f"redis://{USER}@{where}", False),
        ),
        credentials=Credentials(
            username=USER,
            password=password,
            uri=uri,
            host=place.host,
            port=port,
            database="0",
            env={"REDIS_URL": uri},
        ),
    )


def _configuration(place: Place) -> str:
    return "\n".join(
        [
            f"bind {place.host}",
            "protected-mode yes",
            f"port {place.ports['client']}",
            f"dir {place.data}",
            f"aclfile {place.config}/users.acl",
            'save ""',
            "daemonize no",
            "",
        ]
    )


def _users(password: Secret, admin: Secret) -> str:
    lines = ["user default off", acl.superuser(ADMIN, admin), acl.user(password)]
    return "\n".join([*lines, ""])
