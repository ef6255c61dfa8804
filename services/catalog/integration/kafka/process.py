"""Apache Kafka as a process of this machine: one node, KRaft. Source: Kafka 4.4 documentation
(configuration, security, KRaft).

Tenants reach the listener CLIENT (TLS, SCRAM) as `app`, which is no super user: it does what it
likes with topics, groups and transactions, and nothing with the cluster, its settings, users and
rights. BROKER and CONTROLLER are for the server's own use and ask for an internal password.
"""

import hashlib
from base64 import urlsafe_b64encode
from pathlib import Path

from services.catalog.integration.kafka.usage import taken_in
from services.spec import (
    Capability,
    Client,
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

LISTENERS = (
    Listener("client"),
    Listener("broker", public=False),
    Listener("controller", public=False),
)
ALSO = ("kafka-client-2",)
CAPABILITIES = frozenset({Capability.PAUSE, Capability.RESIZE, Capability.ROTATE, Capability.LOGS})
USER = "app"
_INTERNAL = ["__consumer_offsets", "__transaction_state", "__share_group_state"]
_HEAP_SHARE = 0.4  # of the plan's memory; the rest is for buffers outside the heap and the cache
_FORMAT_HEAP_MIB = 128
_SMALL_MIB = 2048  # up to here the JVM saves memory and start time instead of computing time
_PARTITION_SHARE = 10  # a partition may take a tenth of the plan's storage unless its topic says so
# What a client sends first, ApiVersions (key 18, version 0) with correlation "PLDR", and the start
# of its answer: the same correlation and no error. Answered over TLS, before a login, once the
# broker has joined its cluster.
_HELLO = "\0\0\0\x0a\0\x12\0\0PLDR\0\0"
_HELLO_BACK = r"PLDR\x00\x00"


def engine(version: str) -> str:
    return f"kafka-{version}"


def prepare(place: Place) -> tuple[Exec, ...]:
    """Formats the storage, whose id comes from its path. Formatting with `--add-scram` would show a
    password to all processes, so that the user is made afterwards.
    """
    digest = hashlib.md5(place.data.encode(), usedforsecurity=False).digest()
    cluster = urlsafe_b64encode(digest).decode().rstrip("=")
    lines = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": "1@127.0.0.1:9093",
        "controller.listener.names": "CONTROLLER",
        "listeners": "CONTROLLER://127.0.0.1:9093,CLIENT://127.0.0.1:9092",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,CLIENT:PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "log.dirs": f"{place.data}/log",
    }
    file = f"{place.run}/format.properties"
    tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", f"--cluster-id={cluster}"]
    return (
        Exec(
            # The tool reads a file, and this one is not of the instance, which has no files yet.
            [
                "/bin/sh",
                "-c",
                'cat > "$0" && exec "$@"',
                file,
                *_java(place, _FORMAT_HEAP_MIB),
                *tool,
                "--config",
                file,
            ],
            stdin=Secret(_properties(lines)),
        ),
    )


def process(spec: InstanceSpec, place: Place) -> ProcessSpec:
    port, password = place.ports["client"], spec.secrets["password"]
    where = f"{place.host}:{port}"
    query = "security_protocol=SASL_SSL&sasl_mechanism=SCRAM-SHA-512"
    access = _access(spec, place)
    return ProcessSpec(
        argv=[
            *_java(place, int(spec.plan.memory_mib * _HEAP_SHARE), int(spec.plan.vcpu)),
            f"-Dlog4j2.configurationFile={place.config}/log4j2.properties",
            "kafka.Kafka",
            f"{place.config}/server.properties",
        ],
        files=(
            File("server.properties", Secret(_properties(_settings(spec, place)))),
            File("log4j2.properties", Secret(_LOGGING)),
        ),
        ready=Talk(port, Secret(_HELLO), _HELLO_BACK, tls=True),
        setup=(access,),
        rotate=(access,),
        counting=Counting(_offsets(spec, place), taken_in, lasting=True),
        stop_seconds=60,
        exit_codes=(0, 143),
        start_seconds=120,
        endpoints=(
            Endpoint("client", "kafka", place.host, port, f"kafka://{USER}@{where}?{query}", True),
        ),
        credentials=Credentials(
            username=USER,
            password=password,
            uri=Secret(f"kafka://{USER}:{password}@{where}?{query}"),
            host=place.host,
            port=port,
            ca_certificate=place.ca,
            env={
                "KAFKA_BOOTSTRAP_SERVERS": Secret(where),
                "KAFKA_SECURITY_PROTOCOL": Secret("SASL_SSL"),
                "KAFKA_SASL_MECHANISM": Secret("SCRAM-SHA-512"),
                "KAFKA_USERNAME": Secret(USER),
                "KAFKA_PASSWORD": password,
            },
        ),
    )


def _access(spec: InstanceSpec, place: Place) -> Client:
    """The user, its password and its rights, as the super user `broker`."""
    return Client(
        ALSO[0],
        Path(__file__).parent / "access.py",
        {
            "broker": f"{place.host}:{place.ports['broker']}",
            "broker_password": spec.secrets["internal_password"],
            "client": f"{place.host}:{place.ports['client']}",
            "ca": place.ca,
            "username": USER,
            "password": spec.secrets["password"],
        },
    )


def _offsets(spec: InstanceSpec, place: Place) -> Client:
    return Client(
        ALSO[0],
        Path(__file__).parent / "offsets.py",
        {
            "broker": f"{place.host}:{place.ports['broker']}",
            "broker_password": spec.secrets["internal_password"],
            "internal": _INTERNAL,
        },
        timeout_seconds=30,
    )


def _java(place: Place, heap_mib: int, processors: int = 1) -> list[str]:
    small = heap_mib <= _SMALL_MIB * _HEAP_SHARE
    return [
        f"{place.toolchain}/bin/java",
        *(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"] if small else ["-XX:+UseG1GC"]),
        "-Xss512k",
        f"-Xms{min(heap_mib, 64)}m",
        f"-Xmx{heap_mib}m",
        f"-XX:MaxDirectMemorySize={max(64, heap_mib // 4)}m",
        f"-XX:ActiveProcessorCount={max(1, processors)}",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Djava.io.tmpdir={place.run}",
        "-cp",
        f"{place.home}/*",
    ]


def _settings(spec: InstanceSpec, place: Place) -> dict[str, object]:
    ports, wanted, internal = place.ports, spec.parameters, spec.secrets["internal_password"]
    plain = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="broker" password="{internal}" user_broker="{internal}";'
    )
    at = {n: f"{n.upper()}://{place.host}:{port}" for n, port in ports.items()}
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{place.host}:{ports['controller']}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{at['client']},{at['broker']},{at['controller']}",
        "advertised.listeners": f"{at['client']},{at['broker']}",
        "listener.security.protocol.map": (
            "CLIENT:SASL_SSL,BROKER:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT"
        ),
        "inter.broker.listener.name": "BROKER",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.client.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        # A changed password ends open connections too, within the hour.
        "listener.name.client.scram-sha-512.connections.max.reauth.ms": 3_600_000,
        "listener.name.client.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.broker.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.broker.plain.sasl.jaas.config": plain,
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": plain,
        # Read from the files at each start: the server wants key and certificate as one text.
        "config.providers": "files",
        "config.providers.files.class": (
            "org.apache.kafka.common.config.provider.DirectoryConfigProvider"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.key": _content(place.key),
        "ssl.keystore.certificate.chain": _content(place.certificate),
        "ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:broker",
        "allow.everyone.if.no.acl.found": "false",
        "log.dirs": f"{place.data}/log",
        "log.retention.hours": wanted["retention_hours"],
        "log.retention.bytes": spec.plan.storage_gib * 1024**3 // _PARTITION_SHARE,
        "log.segment.bytes": 64 * 1024**2,
        "num.partitions": wanted["default_partitions"],
        "auto.create.topics.enable": str(wanted["auto_create_topics"]).lower(),
        "message.max.bytes": wanted["max_message_kib"] * 1024,
        "replica.fetch.max.bytes": wanted["max_message_kib"] * 1024,
        "listener.name.client.max.connections": wanted["max_connections"],
        "num.network.threads": max(2, int(spec.plan.vcpu)),
        "num.io.threads": max(2, 2 * int(spec.plan.vcpu)),
        "num.recovery.threads.per.data.dir": 1,
        "background.threads": 2,
        "log.cleaner.dedupe.buffer.size": 16 * 1024**2,
        "group.initial.rebalance.delay.ms": 0,
        "controlled.shutdown.enable": "true",
        **_ONE_NODE,
    }


_ONE_NODE = {
    "default.replication.factor": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 4,
}
_LOGGING = """\
appenders=c
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d{ISO8601} %p %c{1} %m%n
rootLogger.level=WARN
rootLogger.appenderRef.c.ref=C
"""


def _content(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"${{files:{folder}:{name}}}"


def _properties(lines: dict[str, object]) -> str:
    return "".join(f"{name}={value}\n" for name, value in lines.items())
