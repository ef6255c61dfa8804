"""NATS as a process of this machine. Source: NATS 2.15 documentation (configuration, JetStream,
MQTT, reload).

The tenant's user `app` lives in the account APP. The system account has no user, so that nobody
can log in to it: the server's own subjects answer nobody. The monitoring port has no login and is
not published; it listens on loopback only.
"""

from services.catalog.integration.nats.usage import taken_in
from services.spec import (
    Capability,
    Counting,
    Credentials,
    Endpoint,
    Exec,
    File,
    Http,
    InstanceSpec,
    Listener,
    Place,
    ProcessSpec,
    Secret,
)

LISTENERS = (Listener("client"), Listener("mqtt"), Listener("monitor", public=False))
ALSO: tuple[str, ...] = ()
CAPABILITIES = frozenset({Capability.PAUSE, Capability.RESIZE, Capability.ROTATE, Capability.LOGS})
USER = "app"
_STREAM_MEMORY_SHARE = 1 / 4  # of the plan's memory, for streams that are kept in memory
_HEAP_SHARE = 3 / 4  # above it the runtime frees more eagerly
_DISK_SHARE = 0.9  # of the plan's storage; the rest is for indexes and for compaction


def engine(version: str) -> str:
    return f"nats-{version}"


def prepare(place: Place) -> tuple[Exec, ...]:
    return ()


def process(spec: InstanceSpec, place: Place) -> ProcessSpec:
    port, mqtt, password = place.ports["client"], place.ports["mqtt"], spec.secrets["password"]
    where, devices = f"{place.host}:{port}", f"{place.host}:{mqtt}"
    uri = Secret(f"tls://{USER}:{password}@{where}")
    monitor = f"http://{place.host}:{place.ports['monitor']}"
    return ProcessSpec(
        argv=[f"{place.home}/nats-server", "--config", f"{place.config}/nats.conf"],
        # The limits of a plan stand here, so that a change restarts the server: it takes over
        # everything else at a reload.
        env={
            "GOMEMLIMIT": f"{int(spec.plan.memory_mib * _HEAP_SHARE)}MiB",
            "GOMAXPROCS": str(max(1, int(spec.plan.vcpu))),
            "STREAM_MEMORY": f"{int(spec.plan.memory_mib * _STREAM_MEMORY_SHARE)}MiB",
            "STREAM_DISK": f"{int(spec.plan.storage_gib * 1024 * _DISK_SHARE)}MiB",
        },
        files=(File("nats.conf", Secret(_configuration(spec, place))),),
        ready=Http(f"{monitor}/healthz"),
        counting=Counting(Http(f"{monitor}/varz"), taken_in),
        reload="HUP",
        exit_codes=(0, 1),  # 1 is what it says after SIGTERM
        endpoints=(
            Endpoint("client", "nats", place.host, port, f"tls://{USER}@{where}", True),
            Endpoint("mqtt", "mqtt", place.host, mqtt, f"mqtts://{USER}@{devices}", True),
        ),
        credentials=Credentials(
            username=USER,
            password=password,
            uri=uri,
            host=place.host,
            port=port,
            ca_certificate=place.ca,
            env={
                "NATS_URL": Secret(f"tls://{where}"),
                "NATS_USER": Secret(USER),
                "NATS_PASSWORD": password,
                "MQTT_URL": Secret(f"mqtts://{USER}:{password}@{devices}"),
            },
        ),
    )


def _configuration(spec: InstanceSpec, place: Place) -> str:
    """The password stands in this file as it is: bcrypt guards weak ones, this one is random."""
    wanted = spec.parameters
    tls = f'{{ cert_file: "{place.certificate}", key_file: "{place.key}" }}'
    user = f'{{ user: "{USER}", password: "{spec.secrets["password"]}" }}'
    return f"""\
server_name: "{spec.name}"
listen: "{place.host}:{place.ports["client"]}"
http: "{place.host}:{place.ports["monitor"]}"
tls: {tls}
max_connections: {wanted["max_connections"]}
max_payload: {wanted["max_payload_kib"] * 1024}
max_subscriptions: {wanted["max_subscriptions"]}
jetstream {{
  store_dir: "{place.data}/jetstream"
  max_memory_store: $STREAM_MEMORY
  max_file_store: $STREAM_DISK
}}
accounts {{
  APP {{ jetstream: enabled, users: [ {user} ] }}
}}
mqtt {{
  listen: "{place.host}:{place.ports["mqtt"]}"
  tls: {tls}
}}
"""
