"""RabbitMQ as a process of this machine. Source: RabbitMQ 3.10 documentation (configuration,
definitions, access control, memory), Erlang/OTP 25 (“Distributed Erlang”, “epmd”).

The tenant's user `app` may do everything in its virtual host and sees it in the management pages;
users, virtual hosts and the server belong to `polder_admin`. Users, rights and limits are one file
of definitions, which the server reads at each start and takes over while it runs.

Erlang would start a port mapper, `epmd`, that outlives the server. One node needs none: its name is
set and its port known from the start, and every Erlang that it starts is told the same.
"""

import json

from services.catalog.integration.rabbitmq.usage import published
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

LISTENERS = (Listener("amqps"), Listener("management"), Listener("node", public=False))
ALSO: tuple[str, ...] = ()
CAPABILITIES = frozenset({Capability.PAUSE, Capability.RESIZE, Capability.ROTATE, Capability.LOGS})
USER, ADMIN = "app", "polder_admin"
_MEMORY_SHARE = 3 / 5  # of the plan's memory; above it publishers wait
_SPARE_DISK_MIB = 256  # below it publishers wait
_LOOK_AT_CERTIFICATE_MS = 10_000  # how often a renewed one is looked for
_ENGINES = {"3.10": "rabbitmq-3.10"}


def engine(version: str) -> str:
    return _ENGINES[version]


def prepare(place: Place) -> tuple[Exec, ...]:
    return ()


def process(spec: InstanceSpec, place: Place) -> ProcessSpec:
    port, vhost = place.ports["amqps"], spec.parameters["vhost"]
    password, where = spec.secrets["password"], f"{place.host}:{port}/{vhost}"
    pages = f"https://{place.host}:{place.ports['management']}"
    definitions = Secret(json.dumps(_definitions(spec), indent=1))
    take_over = Http(
        f"{pages}/api/definitions",
        "POST",
        {"Content-Type": "application/json"},
        username=ADMIN,
        password=spec.secrets["admin_password"],
        body=definitions,
        timeout_seconds=20,
    )
    return ProcessSpec(
        argv=[f"{place.home}/rabbitmq-server"],
        env=_environment(spec, place),
        files=(
            File("rabbitmq.conf", Secret(_configuration(place))),
            File("enabled_plugins", Secret("[rabbitmq_management].\n")),
            File("definitions.json", definitions),
            File(".erlang.cookie", spec.secrets["cookie"]),
        ),
        # The tenant logs in, and the server tells that it takes connections on that port.
        ready=Http(
            f"{pages}/api/health/checks/port-listener/{port}", username=USER, password=password
        ),
        rotate=(take_over,),
        reload=take_over,  # a renewed certificate it finds by itself
        stop_seconds=60,
        counting=Counting(
            Http(
                f"{pages}/api/overview",
                username=ADMIN,
                password=spec.secrets["admin_password"],
            ),
            published,
        ),
        endpoints=(
            Endpoint("amqps", "amqps", place.host, port, f"amqps://{USER}@{where}", True),
            Endpoint(
                "management", "https", place.host, place.ports["management"], f"{pages}/", True
            ),
        ),
        credentials=Credentials(
            username=USER,
            password=password,
            uri=Secret(f"amqps://{USER}:{password}@{where}"),
            host=place.host,
            port=port,
            database=vhost,
            ca_certificate=place.ca,
            env={
                "AMQP_URL": Secret(f"amqps://{USER}:{password}@{where}"),
                "RABBITMQ_HOST": Secret(place.host),
                "RABBITMQ_PORT": Secret(str(port)),
                "RABBITMQ_VHOST": Secret(vhost),
                "RABBITMQ_USERNAME": Secret(USER),
                "RABBITMQ_PASSWORD": password,
            },
        ),
    )


def _environment(spec: InstanceSpec, place: Place) -> dict[str, str]:
    """What a plan gives stands here, so that another plan restarts the server."""
    node, schedulers = f"{spec.name}@localhost", max(1, int(spec.plan.vcpu))
    memory = int(spec.plan.memory_mib * _MEMORY_SHARE) * 2**20
    options = (
        f"-sname {node}",
        f"+S {schedulers}:{schedulers}",
        f"-ssl ssl_pem_cache_clean {_LOOK_AT_CERTIFICATE_MS}",
        f"-rabbit vm_memory_high_watermark {{absolute,{memory}}}",
        f"-rabbit disk_free_limit {_SPARE_DISK_MIB * 2**20}",
        f"-rabbit max_message_size {spec.parameters['max_message_mib'] * 2**20}",
        f"-rabbit consumer_timeout {spec.parameters['consumer_timeout_minutes'] * 60_000}",
    )
    return {
        "HOME": place.config,  # where the cookie lies
        "RABBITMQ_NODENAME": node,
        "RABBITMQ_CONFIG_FILE": f"{place.config}/rabbitmq.conf",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{place.config}/enabled_plugins",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_MNESIA_BASE": place.data,
        "RABBITMQ_LOG_BASE": place.run,
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": f"{place.run}/server.pid",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": " ".join(options),
        "ERL_ZFLAGS": f"-start_epmd false -erl_epmd_port {place.ports['node']} "
        "-kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_EPMD_PORT": "1",  # where nothing answers: another server's mapper is not ours to use
        "ERL_CRASH_DUMP_BYTES": "0",
        "detached": "1",  # the start script becomes the server, instead of waiting for it
    }


def _configuration(place: Place) -> str:
    return f"""\
listeners.tcp = none
listeners.ssl.1 = {place.host}:{place.ports["amqps"]}
ssl_options.certfile = {place.certificate}
ssl_options.keyfile = {place.key}
ssl_options.verify = verify_none
ssl_options.versions.1 = tlsv1.3
ssl_options.versions.2 = tlsv1.2
management.ssl.ip = {place.host}
management.ssl.port = {place.ports["management"]}
management.ssl.certfile = {place.certificate}
management.ssl.keyfile = {place.key}
load_definitions = {place.config}/definitions.json
log.console.level = warning
"""


def _definitions(spec: InstanceSpec) -> dict[str, object]:
    vhost, wanted, secrets = spec.parameters["vhost"], spec.parameters, spec.secrets
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    limits = {"max-connections": wanted["max_connections"], "max-queues": wanted["max_queues"]}
    return {
        "users": [
            {"name": ADMIN, "password": secrets["admin_password"], "tags": "administrator"},
            {"name": USER, "password": secrets["password"], "tags": "management"},
        ],
        "vhosts": [{"name": vhost}],
        "permissions": [{"user": USER, "vhost": vhost, **everything}],
        "parameters": [
            {"vhost": vhost, "component": "vhost-limits", "name": "limits", "value": limits}
        ],
    }
