"""MariaDB, every version, by a real client."""

import itertools
import ssl

import pymysql
import pytest

VERSIONS = ["11.4", "10.11"]


def connect(handle, **changes):
    c = handle.credentials
    wanted = {
        "host": c.host,
        "port": c.port,
        "user": c.username,
        "password": str(c.password),
        "database": c.database,
        "ssl": ssl.create_default_context(cafile=handle.ca),
        "connect_timeout": 60,
        "autocommit": True,
    }
    return pymysql.connect(**{**wanted, **changes})


def ask(handle, statement, **changes):
    with connect(handle, **changes) as c, c.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


@pytest.mark.parametrize("version", VERSIONS)
def test_lives_its_life(run_offering, version):
    handle = run_offering("mariadb", version)
    assert ask(handle, "select version()")[0][0].startswith(version)
    assert ask(handle, "show status like 'Ssl_version'")[0][1] == "TLSv1.3"
    ask(handle, "create table t (word varchar(20))")
    ask(handle, "insert into t values ('kept')")
    old = str(handle.credentials.password)
    with pytest.raises(pymysql.OperationalError):
        connect(handle, password="wrong")
    with pytest.raises(pymysql.OperationalError):
        connect(handle, ssl=None, ssl_disabled=True)

    handle.pause()
    with pytest.raises(pymysql.OperationalError):
        connect(handle)
    handle.resume()
    assert ask(handle, "select word from t") == (("kept",),)
    handle.rotate()
    with pytest.raises(pymysql.OperationalError):
        connect(handle, password=old)
    assert ask(handle, "select word from t") == (("kept",),)

    handle.pause()  # a start after a rotation must not bring the old password back
    handle.resume()
    with pytest.raises(pymysql.OperationalError):
        connect(handle, password=old)
    assert ask(handle, "select word from t") == (("kept",),)

    port = handle.credentials.port
    handle.destroy()
    with pytest.raises(pymysql.OperationalError):
        pymysql.connect(host="127.0.0.1", port=port, user="app", connect_timeout=2)
    assert not (handle.backend.home / "instances" / handle.spec.name).exists()


def test_a_rotation_does_not_restart_the_server(run_offering):
    handle = run_offering("mariadb")
    with connect(handle) as c, c.cursor() as cursor:
        handle.rotate()
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,)


def test_the_plan_is_really_applied(run_offering):
    handle = run_offering("mariadb", parameters={"max_connections": 20})
    assert ask(handle, "select @@innodb_buffer_pool_size, @@max_connections") == ((256 << 20, 20),)
    handle.change(plan="single-2x8")
    assert ask(handle, "select @@innodb_buffer_pool_size") == ((4096 << 20,),)


def test_a_reloadable_change_keeps_connections(run_offering):
    handle = run_offering("mariadb")
    with connect(handle) as c, c.cursor() as cursor:
        handle.change(max_connections=33, sql_mode="ansi")
        cursor.execute("select @@global.max_connections")
        assert cursor.fetchone() == (33,)
    assert "ANSI_QUOTES" in ask(handle, "select @@global.sql_mode")[0][0]
    handle.pause()
    handle.resume()
    assert ask(handle, "select @@global.max_connections") == ((33,),)
    assert "ANSI_QUOTES" in ask(handle, "select @@global.sql_mode")[0][0]


@pytest.mark.parametrize("version", VERSIONS)
def test_nobody_else_gets_in(run_offering, version):
    handle = run_offering("mariadb", version)
    without_tls = {"ssl": None, "ssl_disabled": True}
    passwords = ("", str(handle.spec.secrets["root_password"]))
    users = ("root", "", "mariadb.sys", "mysql")
    for user, password, changes in itertools.product(users, passwords, ({}, without_tls)):
        with pytest.raises(pymysql.OperationalError):
            connect(handle, user=user, password=password, database=None, **changes)


WAYS_OUT = [
    "load data infile '/etc/passwd' into table t",
    "load data local infile '/etc/passwd' into table t",
    "select 1 into outfile '/tmp/polder-way-out'",
    "select 1 into dumpfile '/tmp/polder-way-out'",
    "create function way_out returns integer soname 'way_out.so'",
    "install soname 'way_out'",
    "select * from mysql.global_priv",
    "select * from mysql.user",
    "create user other identified by 'x'",
    "create database other",
    "grant all on *.* to app@'%'",
    "grant select on app_db.* to app@'%'",
    "use appxdb",
    "set global local_infile = 1",
    "set global general_log = 1",
    "set global init_connect = 'select 1'",
    "create server s foreign data wrapper mysql options (host '127.0.0.1')",
    "shutdown",
]


@pytest.mark.parametrize("version", VERSIONS)
def test_ways_out_are_closed(run_offering, version):
    handle = run_offering("mariadb", version, parameters={"database": "app_db"})
    ask(handle, "create table t (word text)")
    for statement in WAYS_OUT:
        with pytest.raises(pymysql.MySQLError):
            ask(handle, statement, local_infile=True)
    assert ask(handle, "select load_file('/etc/passwd')") == ((None,),)
    for number, kind in enumerate(("innodb", "myisam", "aria")):
        # The directory is ignored, with a warning: the table lies where all the others do.
        ask(handle, f"create table t{number} (i int) engine={kind} data directory='/tmp'")
        assert "DIRECTORY" not in ask(handle, f"show create table t{number}")[0][1].upper()
    assert {row[0] for row in ask(handle, "show databases")} == {"app_db", "information_schema"}


def test_a_renewed_certificate_is_taken_over(run_offering):
    handle = run_offering("mariadb")
    before = shown(handle)
    (handle.backend.home / "instances" / handle.spec.name / "config" / "certificate.pem").unlink()
    handle.apply()
    assert shown(handle) != before


def shown(handle):
    """Serial number of the certificate that clients see."""
    with connect(handle) as c:
        return c._sock.getpeercert()["serialNumber"]
