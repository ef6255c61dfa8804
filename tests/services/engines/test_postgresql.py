"""PostgreSQL, every version, by a real client."""

import os
import signal
import socket
import ssl
import time

import psycopg
import pytest
from cryptography import x509

VERSIONS = ["14", "15", "16", "17", "18"]


def connect(handle, **changes):
    c = handle.credentials
    wanted = {
        "host": c.host,
        "port": c.port,
        "user": c.username,
        "password": str(c.password),
        "dbname": c.database,
        "sslmode": "verify-full",
        "sslrootcert": handle.ca,
        "connect_timeout": 5,
        "autocommit": True,
    }
    return psycopg.connect(**{**wanted, **changes})


@pytest.mark.parametrize("version", VERSIONS)
def test_lives_its_life(run_offering, version):
    handle = run_offering("postgresql", version)
    with connect(handle) as c:
        assert c.execute("show server_version").fetchone()[0].startswith(version)
        c.execute("create table t (word text)")
        c.execute("insert into t values ('kept')")
    old = str(handle.credentials.password)
    with pytest.raises(psycopg.OperationalError):
        connect(handle, password="wrong")
    with pytest.raises(psycopg.OperationalError):
        connect(handle, sslmode="disable")

    handle.pause()
    with pytest.raises(psycopg.OperationalError):
        connect(handle)
    handle.resume()
    handle.rotate()
    with pytest.raises(psycopg.OperationalError):
        connect(handle, password=old)
    with connect(handle) as c:
        assert c.execute("select word from t").fetchone() == ("kept",)

    port = handle.credentials.port
    handle.destroy()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host="127.0.0.1", port=port, user="app", connect_timeout=2)
    assert not (handle.backend.home / "instances" / handle.spec.name).exists()


def test_the_plan_is_really_applied(run_offering):
    handle = run_offering("postgresql", parameters={"max_connections": 20})
    with connect(handle) as c:
        assert c.execute("show shared_buffers").fetchone()[0] == "256MB"
        assert c.execute("show max_connections").fetchone()[0] == "20"
    handle.change(plan="single-2x8", work_mem_mib=32)
    with connect(handle) as c:
        assert c.execute("show shared_buffers").fetchone()[0] == "2GB"
        assert c.execute("show work_mem").fetchone()[0] == "32MB"


def test_a_reloadable_change_keeps_connections(run_offering):
    handle = run_offering("postgresql")
    with connect(handle) as c:
        handle.change(work_mem_mib=16)
        assert c.execute("select 1").fetchone() == (1,)
    with connect(handle) as c:
        assert c.execute("show work_mem").fetchone()[0] == "16MB"


WAYS_OUT = [
    "copy (select 1) to program 'id'",
    "copy (select 1) to '/tmp/polder-out'",
    "create table f (x text); copy f from '/etc/passwd'",
    "select pg_read_file('/etc/passwd')",
    "select lo_import('/etc/passwd')",
    "create extension file_fdw",
    "create extension dblink",
    "create language plpython3u",
    "alter system set shared_buffers = '1GB'",
    "create role boss superuser",
    "alter role app superuser",
    "grant pg_execute_server_program to app",
    "set role polder_admin",
    "load '/tmp/x.so'",
    "create function f() returns int language c as '/tmp/x', 'f'",
    "select rolpassword from pg_authid",
]


@pytest.mark.parametrize("version", ["14", "17"])
def test_the_tenant_has_no_way_out(run_offering, version):
    handle = run_offering("postgresql", version)
    got_out = []
    for statement in WAYS_OUT:
        with connect(handle) as c:
            try:
                c.execute(statement)
                got_out.append(statement)
            except psycopg.Error:
                pass
    assert got_out == []


def test_a_crash_is_repaired_by_the_supervisor(run_offering):
    handle = run_offering("postgresql")
    pid = handle.backend.supervisor.state(handle.spec.name).pid
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 120
    while handle.observe().observed != "ready" or (
        handle.backend.supervisor.state(handle.spec.name).pid == pid
    ):
        assert time.monotonic() < until
        time.sleep(0.1)
    with connect(handle) as c:
        assert c.execute("select 1").fetchone() == (1,)


def test_a_renewed_certificate_is_taken_over(run_offering):
    handle = run_offering("postgresql")
    file = handle.backend.home / "instances" / handle.spec.name / "config" / "certificate.pem"
    before = shown(handle)
    file.unlink()
    handle.apply()
    wanted = x509.load_pem_x509_certificate(file.read_bytes()).serial_number
    assert before != wanted
    until = time.monotonic() + 120
    while shown(handle) != wanted:
        assert time.monotonic() < until
        time.sleep(0.1)


def shown(handle):
    """The serial number of the certificate that a new client gets, checked against the CA."""
    context = ssl.create_default_context(cafile=handle.ca)
    context.set_alpn_protocols(["postgresql"])  # TLS at once, as of version 17
    address = (handle.credentials.host, handle.credentials.port)
    with (
        socket.create_connection(address, 60) as plain,
        context.wrap_socket(plain, server_hostname=address[0]) as secure,
    ):
        return x509.load_der_x509_certificate(secure.getpeercert(True)).serial_number
