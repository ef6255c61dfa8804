"""PostgreSQL as a process of this machine. Source: PostgreSQL 17 documentation, chapters 18 to 21;
initdb, postgres.

The tenant's role `app` owns one database, may make more, and is never superuser: nothing of it
reaches the machine (`COPY … TO PROGRAM`, server files and untrusted languages need rights that it
lacks). `polder_admin` logs in over TCP with a password of its own. Both are made before the first
start, in single-user mode.
"""

from services.spec import (
    Capability,
    Credentials,
    Endpoint,
    Exec,
    File,
    InstanceSpec,
    Listener,
    Place,
    ProcessSpec,
    Secret,
    Sql,
)

LISTENERS = (Listener("client"),)
ALSO: tuple[str, ...] = ()
CAPABILITIES = frozenset({Capability.PAUSE, Capability.RESIZE, Capability.ROTATE, Capability.LOGS})
USER, ADMIN, DATABASE = "app", "polder_admin", "app"


def engine(version: str) -> str:
    return f"postgresql-{version}"


def prepare(place: Place) -> tuple[Exec, ...]:
    """`initdb`, the two roles without passwords, and the database under its default name.

    Nobody can log in until our own pg_hba.conf is used.
    """
    initdb = [f"{place.home}/bin/initdb", "-D", place.data, "-U", ADMIN, "--auth=reject"]
    return (
        Exec([*initdb, "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-sync"]),
        Exec(
            [f"{place.home}/bin/postgres", "--single", "-D", place.data, "postgres"],
            stdin=Secret("\n".join(_PREPARED) + "\n"),
        ),
    )


def process(spec: InstanceSpec, place: Place) -> ProcessSpec:
    port = place.ports["client"]
    database = spec.parameters["database"]
    password = spec.secrets["password"]
    uri = f"127.0.0.1:{port}/{database}?sslmode=verify-full"
    secret_uri = Secret(f"postgresql://{USER}:{password}@{uri}")
    return ProcessSpec(
        argv=[f"{place.home}/bin/postgres", *_arguments(spec, place)],
        files=(
            File("postgresql.conf", Secret(_settings(spec, place))),
            File("pg_hba.conf", Secret(_HBA)),
        ),
        init=(
            Exec(
                [f"{place.home}/bin/postgres", "--single", *_arguments(spec, place), "postgres"],
                stdin=Secret(_first_statements(spec)),
            ),
        ),
        ready=Sql(port, USER, password, database),
        rotate=(
            Sql(
                port,
                ADMIN,
                spec.secrets["admin_password"],
                "postgres",
                (Secret(f"ALTER ROLE {USER} PASSWORD '{password}'"),),
            ),
        ),
        reload="HUP",
        stop_signal="INT",  # fast shutdown: TERM would wait for the last client to leave
        endpoints=(
            Endpoint("client", "postgresql", place.host, port, f"postgresql://{USER}@{uri}", True),
        ),
        credentials=Credentials(
            username=USER,
            password=password,
            uri=secret_uri,
            host=place.host,
            port=port,
            database=database,
            ca_certificate=place.ca,
            env={
                "PGHOST": Secret(place.host),
                "PGPORT": Secret(str(port)),
                "PGUSER": Secret(USER),
                "PGPASSWORD": password,
                "PGDATABASE": Secret(database),
                "PGSSLMODE": Secret("verify-full"),
            },
        ),
    )


_HBA = f"""\
local   all  all                        reject
hostssl all  {ADMIN}  127.0.0.1/32  scram-sha-256
hostssl all  all           127.0.0.1/32  scram-sha-256
host    all  all           all           reject
"""


def _arguments(spec: InstanceSpec, place: Place) -> list[str]:
    """What takes effect at a start only stands here, so that changing it restarts the server."""
    settings = {
        "config_file": f"{place.config}/postgresql.conf",
        "max_connections": str(spec.parameters["max_connections"]),
        "shared_buffers": f"{spec.plan.memory_mib // 4}MB",
    }
    return ["-D", place.data, *(a for k, v in settings.items() for a in ("-c", f"{k}={v}"))]


def _settings(spec: InstanceSpec, place: Place) -> str:
    """Taken over by a reload."""
    memory = spec.plan.memory_mib
    lines = {
        "data_directory": place.data,
        "hba_file": f"{place.config}/pg_hba.conf",
        "listen_addresses": place.host,
        "port": place.ports["client"],
        "unix_socket_directories": "",
        "ssl": "on",
        "ssl_cert_file": place.certificate,
        "ssl_key_file": place.key,
        "password_encryption": "scram-sha-256",
        "effective_cache_size": f"{memory * 3 // 4}MB",
        "maintenance_work_mem": f"{max(memory // 16, 64)}MB",
        "work_mem": f"{spec.parameters['work_mem_mib']}MB",
        "statement_timeout": f"{spec.parameters['statement_timeout_seconds']}s",
        "timezone": spec.parameters["time_zone"],
        "log_timezone": "UTC",
        "max_wal_size": "1GB",
        "log_min_messages": "warning",
    }
    return "".join(f"{name} = '{value}'\n" for name, value in lines.items())


# One statement a line, as single-user mode reads them.
_PREPARED = (
    f"CREATE ROLE {USER} LOGIN CREATEDB NOCREATEROLE NOSUPERUSER NOREPLICATION",
    f"GRANT pg_monitor TO {USER}",
    f"CREATE DATABASE {DATABASE} OWNER {USER}",
    f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
    "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC",
    "REVOKE CONNECT ON DATABASE template1 FROM PUBLIC",
)


def _first_statements(spec: InstanceSpec) -> str:
    """Passwords and the database's name. After a crash in the middle they run again: a second
    rename answers with an error that changes nothing."""
    database = spec.parameters["database"]
    renaming = [f"ALTER DATABASE {DATABASE} RENAME TO {database}"] if database != DATABASE else []
    return "\n".join(
        [
            f"ALTER ROLE {ADMIN} PASSWORD '{spec.secrets['admin_password']}'",
            f"ALTER ROLE {USER} PASSWORD '{spec.secrets['password']}'",
            *renaming,
            "",
        ]
    )
