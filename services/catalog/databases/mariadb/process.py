"""MariaDB as a process of this machine. Source: MariaDB Knowledge Base (server system variables,
mariadb-install-db, GRANT, FLUSH), release 11.4.

The tenant's user `app` has all rights on its own database and none on the server: no FILE, no
SUPER, no rights to give away. `root` exists at the server's own socket only; what the bootstrap
makes open (nameless users, root without a password at 127.0.0.1) is deleted before the server takes
its first connection, at every start.
"""

from services.catalog.databases.mariadb import settings
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
)

LISTENERS = (Listener("client"),)
CLIENT = "mariadb-11.4"  # its client serves every version: that of 10.11 wants libncurses 5
ALSO: tuple[str, ...] = (CLIENT,)
CAPABILITIES = frozenset({Capability.PAUSE, Capability.RESIZE, Capability.ROTATE, Capability.LOGS})
USER, ADMIN = "app", "root"
_ENGINES = {"11.4": "mariadb-11.4", "10.11": "mariadb-10.11"}
_SOCKET = "server.sock"  # in the server's own directory


def engine(version: str) -> str:
    return _ENGINES[version]


def prepare(place: Place) -> tuple[Exec, ...]:
    """The system tables. Nobody can log in to them before our own first statements have run."""
    return (
        Exec(
            [
                f"{place.home}/scripts/mariadb-install-db",
                "--no-defaults",
                f"--basedir={place.home}",
                f"--datadir={place.data}/db",
                f"--tmpdir={place.data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
                "--innodb-log-file-size=16M",
                "--force",
            ]
        ),
        Exec(["mkdir", "-m", "700", f"{place.data}/work"]),
    )


def process(spec: InstanceSpec, place: Place) -> ProcessSpec:
    port, database = place.ports["client"], spec.parameters["database"]
    password = spec.secrets["password"]
    where = f"{place.host}:{port}/{database}"
    uri = Secret(f"mysql://{USER}:{password}@{where}?ssl-mode=VERIFY_IDENTITY")
    return ProcessSpec(
        argv=[
            f"{place.home}/bin/mariadbd",
            f"--defaults-file={place.config}/server.cnf",
            # In argv, so that another plan restarts the server.
            *(f"--{name}={value}" for name, value in settings.limits(spec).items()),
        ],
        files=(
            File("server.cnf", Secret(_settings(spec, place))),
            File("init.sql", Secret("\n".join(_first_statements(spec)) + "\n")),
            File("root.cnf", Secret(_login(ADMIN, spec.secrets["root_password"]))),
            File("app.cnf", Secret(_login(USER, password))),
        ),
        ready=Exec(
            [
                f"{place.engines[CLIENT]}/bin/mariadb",
                f"--defaults-file={place.config}/app.cnf",
                f"--host={place.host}",
                f"--port={port}",
                "--protocol=tcp",
                f"--ssl-ca={place.ca}",
                "--ssl-verify-server-cert",
                "--connect-timeout=5",
                "--execute=DO 1",
                database,
            ],
            timeout_seconds=10,
        ),
        rotate=(_administer(place, f"{_grant(spec)};"),),
        reload=_administer(place, _changes(spec)),
        stop_seconds=60,
        endpoints=(Endpoint("client", "mysql", place.host, port, f"mysql://{USER}@{where}", True),),
        credentials=Credentials(
            username=USER,
            password=password,
            uri=uri,
            host=place.host,
            port=port,
            database=database,
            ca_certificate=place.ca,
            env={
                "MYSQL_HOST": Secret(place.host),
                "MYSQL_TCP_PORT": Secret(str(port)),
                "MYSQL_USER": Secret(USER),
                "MYSQL_PWD": password,
                "MYSQL_DATABASE": Secret(database),
            },
        ),
    )


def _administer(place: Place, statements: str) -> Exec:
    """As root through the server's own socket; the statements hold secrets, so they go by stdin."""
    return Exec(
        [
            f"{place.engines[CLIENT]}/bin/mariadb",
            f"--defaults-file={place.config}/root.cnf",
            f"--socket=db/{_SOCKET}",  # from the data directory: an absolute path may be too long
            "--protocol=socket",
            "--connect-timeout=5",
        ],
        stdin=Secret(statements),
        timeout_seconds=10,
    )


def _login(user: str, password: Secret) -> str:
    return f'[client]\nuser={user}\npassword="{password}"\n'


def _changes(spec: InstanceSpec) -> str:
    """Also reads the certificate anew."""
    changes = [f"SET GLOBAL {name} = {value};" for name, value in settings.dynamic(spec).items()]
    return "\n".join([*changes, "FLUSH SSL;"])


def _settings(spec: InstanceSpec, place: Place) -> str:
    lines = {
        "basedir": place.home,
        "lc_messages_dir": f"{place.home}/share",
        "datadir": f"{place.data}/db",
        "tmpdir": f"{place.data}/work",
        "secure_file_priv": f"{place.data}/work",
        "socket": _SOCKET,
        "pid_file": f"{place.run}/server.pid",
        "slow_query_log_file": f"{place.data}/slow.log",
        "init_file": f"{place.config}/init.sql",
        "bind_address": place.host,
        "port": place.ports["client"],
        "ssl_cert": place.certificate,
        "ssl_key": place.key,
        "tls_version": "TLSv1.2,TLSv1.3",
        "require_secure_transport": "1",
        **settings.fixed(spec),
        **settings.dynamic(spec),
    }
    return "[mariadbd]\n" + "".join(f"{name}={value}\n" for name, value in lines.items())


def _grant(spec: InstanceSpec) -> str:
    return f"ALTER USER {USER}@'%' IDENTIFIED BY '{spec.secrets['password']}' REQUIRE SSL"


def _first_statements(spec: InstanceSpec) -> list[str]:
    """Run at every start, one a line, before the server listens; they hold the passwords of now."""
    database = spec.parameters["database"]
    pattern = database.replace("_", r"\_")  # in a GRANT an underscore stands for any character
    return [
        "DELETE FROM mysql.global_priv WHERE User='' OR (User='root' AND Host<>'localhost');",
        "DELETE FROM mysql.proxies_priv WHERE Host<>'localhost';",
        "FLUSH PRIVILEGES;",
        f"ALTER USER {ADMIN}@localhost IDENTIFIED BY '{spec.secrets['root_password']}';",
        f"CREATE DATABASE IF NOT EXISTS `{database}`;",
        f"CREATE USER IF NOT EXISTS {USER}@'%' ACCOUNT LOCK;",
        f"{_grant(spec)} ACCOUNT UNLOCK;",
        f"GRANT ALL PRIVILEGES ON `{pattern}`.* TO {USER}@'%';",
    ]
