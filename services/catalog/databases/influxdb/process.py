"""InfluxDB 1.6 as a process of this machine. Source: InfluxDB 1.6 documentation (configuration,
authentication and authorisation, HTTP API).

The first user must be an administrator, and a server without one takes it from anybody. `setup`
makes it before the service is handed over, and logs in with it at each later step: had somebody
been faster, the order would fail. The tenant's user `app` has all rights on its own database and
none on the server. `token_key` signs nothing: without a key this version would take a token that
anybody can forge. The port for backups has no login, is not published and listens on loopback only.
"""

from urllib.parse import urlencode

from services.spec import (
    Capability,
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

LISTENERS = (Listener("http"), Listener("backup", public=False))
ALSO: tuple[str, ...] = ()
CAPABILITIES = frozenset({Capability.PAUSE, Capability.RESIZE, Capability.ROTATE, Capability.LOGS})
USER, ADMIN = "app", "polder_admin"
_HEAP_SHARE = 3 / 4  # of the plan's memory; above it the runtime frees more eagerly
_CACHE_SHARE = 1 / 4  # of the plan's memory, for points on their way to disk; then writes wait
_ENGINES = {"1.6": "influxdb-1.6"}


def engine(version: str) -> str:
    return _ENGINES[version]


def prepare(place: Place) -> tuple[Exec, ...]:
    return ()


def process(spec: InstanceSpec, place: Place) -> ProcessSpec:
    port, database = place.ports["http"], spec.parameters["database"]
    password, where = spec.secrets["password"], f"{place.host}:{port}"
    uri = f"https://{where}"
    looking = urlencode({"db": database, "q": "SHOW MEASUREMENTS LIMIT 1"})
    administrator = f"CREATE USER {ADMIN} WITH PASSWORD '{spec.secrets['admin_password']}'"
    set_password = f"SET PASSWORD FOR {USER} = '{password}'"
    # 403 is the answer of a server that has no user yet; a wrong password would be 401.
    ready = Http(f"{uri}/query?{looking}", username=USER, password=password, expect=(200, 403))
    return ProcessSpec(
        argv=[f"{place.home}/influxd", "-config", f"{place.config}/influxdb.conf"],
        env={
            "GOMEMLIMIT": f"{int(spec.plan.memory_mib * _HEAP_SHARE)}MiB",
            "GOMAXPROCS": str(max(1, int(spec.plan.vcpu))),
        },
        files=(File("influxdb.conf", Secret(_configuration(spec, place))),),
        ready=ready,
        # One request each, since a failed statement stops those after it and still answers 200;
        # the last request shows that all is as it must be.
        setup=(
            *(
                _administer(spec, uri, statement)
                for statement in (
                    f"{administrator} WITH ALL PRIVILEGES",
                    f'CREATE DATABASE "{database}" WITH DURATION {_retention(spec)}',
                    f"CREATE USER {USER} WITH PASSWORD '{password}'",
                    set_password,
                    f'GRANT ALL ON "{database}" TO {USER}',
                )
            ),
            Http(ready.url, username=USER, password=password, expect=(200,)),
        ),
        rotate=(_administer(spec, uri, set_password),),
        endpoints=(Endpoint("http", "https", place.host, port, uri, True),),
        credentials=Credentials(
            username=USER,
            password=password,
            uri=Secret(f"https://{USER}:{password}@{where}/?db={database}"),
            host=place.host,
            port=port,
            database=database,
            ca_certificate=place.ca,
            env={
                "INFLUX_URL": Secret(uri),
                "INFLUX_USERNAME": Secret(USER),
                "INFLUX_PASSWORD": password,
                "INFLUX_DATABASE": Secret(database),
            },
        ),
    )


def _administer(spec: InstanceSpec, uri: str, statement: str) -> Http:
    """As administrator, in the body: what stands in a URL ends up in logs."""
    return Http(
        f"{uri}/query",
        "POST",
        {"Content-Type": "application/x-www-form-urlencoded"},
        username=ADMIN,
        password=spec.secrets["admin_password"],
        body=Secret(urlencode({"q": statement})),
        timeout_seconds=10,
    )


def _retention(spec: InstanceSpec) -> str:
    days = spec.parameters["retention_days"]
    return f"{days}d" if days else "INF"


def _configuration(spec: InstanceSpec, place: Place) -> str:
    wanted = spec.parameters
    return f"""\
reporting-disabled = true
bind-address = "{place.host}:{place.ports["backup"]}"
[meta]
dir = "{place.data}/meta"
[data]
dir = "{place.data}/data"
wal-dir = "{place.data}/wal"
index-version = "tsi1"
query-log-enabled = false
cache-max-memory-size = {int(spec.plan.memory_mib * _CACHE_SHARE) * 2**20}
max-concurrent-compactions = {max(1, int(spec.plan.vcpu) // 2)}
[coordinator]
max-concurrent-queries = {wanted["max_queries"]}
query-timeout = "{wanted["query_timeout_seconds"]}s"
[monitor]
store-enabled = false
[subscriber]
enabled = false
[http]
bind-address = "{place.host}:{place.ports["http"]}"
auth-enabled = true
log-enabled = false
pprof-enabled = false
https-enabled = true
https-certificate = "{place.certificate}"
https-private-key = "{place.key}"
shared-secret = "{spec.secrets["token_key"]}"
max-connection-limit = {wanted["max_connections"]}
[ifql]
enabled = false
[tls]
min-version = "tls1.2"
[logging]
level = "warn"
"""
