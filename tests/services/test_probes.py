"""What probes ask, what they make of the answers, and the minutes that come of it."""

import asyncio
import socket
import ssl
import struct
import threading
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services import registry
from services.probes import asking
from services.probes.asking import Names, State, Verdict, ask, question
from services.probes.minutes import Book, minutes_of, percentile
from services.probes.protocols import CHECKS, Question
from services.spec import Endpoint, Probe

NOON = datetime(2026, 10, 7, 12, tzinfo=UTC)
GREETING = b"\x0a11.4.2-MariaDB\0" + bytes(40)
TOO_MANY = b"\xff\x10\x04Too many connections"


def packet(body):
    return len(body).to_bytes(3, "little") + b"\0" + body


def error(state):
    body = b"SFATAL\0C" + state + b"\0Mwords\0\0"
    return b"E" + struct.pack("!i", len(body) + 4) + body


def versions(code):
    return struct.pack("!iih", 6, 7, code)


START = b"\x01\0\0\0\0\x01\0\x00\x0a\x00\x0a"
# check, what the server says to each of what it is told, what becomes of it
TALKS = [
    ("postgresql", [b"N", b"R" + struct.pack("!ii", 8, 10)], "up"),
    ("postgresql", [b"N", error(b"28000")], "up"),
    ("postgresql", [b"N", error(b"57P03")], "not-now"),
    ("postgresql", [b"N", error(b"53300")], "not-now"),
    ("postgresql", [b"N", b"H\0\0\0\0"], "not-postgresql"),
    ("redis", [b"+PONG\r\n"], "up"),
    ("redis", [b"-NOAUTH Authentication required.\r\n"], "up"),
    ("redis", [b"-LOADING Redis is loading the dataset in memory\r\n"], "not-now"),
    ("redis", [b"x" * 70_000], "too-long"),
    ("kafka", [versions(0)], "up"),
    ("kafka", [versions(35)], "up"),
    ("kafka", [versions(8)], "not-now"),
    ("kafka", [struct.pack("!iih", 6, 8, 0)], "not-kafka"),
    ("amqp", [START], "up"),
    ("amqp", [b"AMQP\0\0\x09\x01..."], "not-amqp"),
    ("memcached", [b"VERSION 1.6.31\r\n"], "up"),
    ("memcached", [b"CLIENT_ERROR unauthenticated\r\n"], "up"),
    ("memcached", [b"ERROR\r\n"], "not-memcached"),
    ("http", [b"HTTP/1.1 401 Unauthorized\r\n\r\n"], "up"),
    ("http", [b"HTTP/1.1 503 Service Unavailable\r\n\r\n"], "status-503"),
    ("http", [b"SSH-2.0-OpenSSH\r\n"], "not-http"),
    ("http", [b""], "refused"),
    ("connection", [], "up"),
]
FIRST = [
    ("mysql", packet(GREETING), "up"),
    ("mysql", packet(TOO_MANY), "not-now"),
    ("mysql", packet(b"\x09old"), "not-mysql"),
    ("nats", b'INFO {"version":"2.12.1"}\r\n', "up"),
    ("nats", b"-ERR 'maximum connections exceeded'\r\n", "not-nats"),
]


async def verdict_of(server, check, *, tls=None, **asked):
    """Of a server that runs for this one probe."""
    listening = await asyncio.start_server(server, "127.0.0.1", 0, ssl=tls)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        wanted = Question(check, "127.0.0.1", port, tls is not None, **asked)
        return await ask(wanted, Names(), seconds=2)


def saying(answers, first=b""):
    async def server(reader, writer):
        writer.write(first)
        for answer in answers:
            await reader.read(4096)
            writer.write(answer)
        await writer.drain()
        writer.close()

    return server


def word(verdict):
    return verdict.why or verdict.state.value


@pytest.mark.parametrize(("check", "answers", "expected"), TALKS)
def test_an_answer_says_whether_it_serves(check, answers, expected):
    assert word(asyncio.run(verdict_of(saying(answers), check))) == expected


@pytest.mark.parametrize(("check", "greeting", "expected"), FIRST)
def test_a_greeting_says_whether_it_serves(check, greeting, expected):
    assert word(asyncio.run(verdict_of(saying([], greeting), check))) == expected


def test_statuses_that_are_expected_are_the_only_good_ones():
    server = saying([b"HTTP/1.1 200 OK\r\n\r\n"])
    found = asyncio.run(verdict_of(server, "http", path="/health", statuses=(204,)))
    assert word(found) == "status-200"


def test_how_long_the_answer_took_is_told():
    async def server(reader, writer):
        await reader.read(100)
        await asyncio.sleep(0.03)
        writer.write(b"+PONG\r\n")
        writer.close()

    found = asyncio.run(verdict_of(server, "redis"))
    assert 30_000 <= found.micros < 500_000


def test_nobody_there_is_down():
    async def go():
        listening = await asyncio.start_server(saying([]), "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        listening.close()
        await listening.wait_closed()
        return await ask(Question("redis", "127.0.0.1", port, False), Names(), seconds=2)

    assert word(asyncio.run(go())) == "refused"


def test_silence_is_down():
    async def go():
        listening = await asyncio.start_server(lambda r, w: asyncio.sleep(5), "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        asked = Question("redis", "127.0.0.1", port, False)
        found = await ask(asked, Names(), seconds=0.05)
        listening.close()
        return found

    assert word(asyncio.run(go())) == "no-answer"


def test_an_answer_that_we_are_too_late_to_read_is_nobodys_silence():
    """The loop stands still while the answer comes."""

    def answers(listening):
        conversation, _ = listening.accept()
        conversation.recv(100)
        conversation.sendall(b"+PON")
        conversation.recv(1)

    async def go(listening):
        asked = Question("redis", *listening.getsockname(), False)
        asking_now = asyncio.create_task(ask(asked, Names(), seconds=0.05))
        await asyncio.sleep(0.01)
        time.sleep(0.7)
        return await asking_now

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answers, args=[listening], daemon=True).start()
        assert asyncio.run(go(listening)).state == State.UNKNOWN


@pytest.mark.parametrize(("code", "state"), [("EMFILE", "unknown"), ("ECONNREFUSED", "down")])
def test_what_is_missing_here_is_not_their_fault(monkeypatch, code, state):
    async def fails(*_):
        raise OSError(getattr(asking.errno, code), code)

    monkeypatch.setattr(asking, "_ask", fails)
    found = asyncio.run(ask(Question("redis", "127.0.0.1", 1, False), Names(), seconds=1))
    assert found.state == state


@pytest.mark.parametrize(("code", "state"), [("EAI_AGAIN", "unknown"), ("EAI_NONAME", "down")])
def test_names_that_cannot_be_looked_up_now_say_nothing(monkeypatch, code, state):
    async def fails(*_):
        raise asking.socket.gaierror(getattr(asking.socket, code), code)

    monkeypatch.setattr(asking, "_ask", fails)
    found = asyncio.run(ask(Question("redis", "somewhere", 1, False), Names(), seconds=1))
    assert found.state == state


def tls_of(folder, ends):
    """A server's context with a certificate that ends then."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    begins = ends - timedelta(days=90)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 7, begins, ends)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "tls.pem").write_bytes(private + made)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem")
    return context


@pytest.mark.parametrize(("days", "expected"), [(1, "up"), (-1, "certificate-over")])
def test_a_certificate_that_is_over_serves_nobody(tmp_path, days, expected):
    tls = tls_of(tmp_path, datetime.now(UTC).replace(microsecond=0) + timedelta(days=days))
    found = asyncio.run(verdict_of(saying([b"+PONG\r\n"]), "redis", tls=tls))
    assert word(found) == expected


# -- whom to ask ---------------------------------------------------------------------------------

CLIENT = Endpoint("client", "postgresql", "pg.internal", 5432, "", True)
PUBLIC = Endpoint("public", "postgresql", "pg.example", 5432, "", True)
PAGES = Endpoint("management", "https", "mq.internal", 15671, "", True)


@pytest.mark.parametrize(
    ("probe", "endpoints", "outside", "expected"),
    [
        (Probe(), [CLIENT, PUBLIC], False, ("postgresql", "pg.internal")),
        (Probe(), [CLIENT, PUBLIC], True, ("postgresql", "pg.example")),
        (Probe(endpoint="management"), [CLIENT, PAGES], False, ("http", "mq.internal")),
        (Probe("connection"), [CLIENT], False, ("connection", "pg.internal")),
    ],
)
def test_the_question_follows_from_the_endpoint(probe, endpoints, outside, expected):
    found = question(probe, endpoints, outside=outside)
    assert (found.check, found.host) == expected


def test_what_cannot_be_reached_is_not_asked():
    assert question(Probe(), [CLIENT], outside=True) is None


def test_no_check_that_an_offering_names_is_missing():
    named = {entry.offering.probe.check for entry in registry.entries().values()}
    assert named - {""} <= CHECKS.keys()


# -- minutes -------------------------------------------------------------------------------------

UP, DOWN, UNKNOWN = State.UP, State.DOWN, State.UNKNOWN


@pytest.mark.parametrize(
    ("states", "known", "bad"),
    [
        ([UP, UP, UP], 1, 0),
        ([UP, UP, DOWN], 1, 0),
        ([UP, DOWN, DOWN], 1, 1),
        ([DOWN, DOWN, UNKNOWN], 1, 1),
        ([UP, DOWN, UNKNOWN], 1, 0),
        ([DOWN, UNKNOWN, UNKNOWN], 0, 0),
        ([UNKNOWN, UNKNOWN, UNKNOWN], 0, 0),
        ([DOWN], 0, 0),
    ],
)
def test_a_minute_is_bad_when_two_of_three_fail(states, known, bad):
    found = minutes_of([(720, state) for state in states])
    assert [len(part) for part in found] == [known, bad]


@pytest.mark.parametrize(
    ("micros", "tenths"),
    [
        ([5000, 5000], 0),
        ([1000, 2000, 3001], 31),
        ([100] * 19 + [9900], 1),
        ([100] * 14 + [9900], 99),
        ([1, 1, 1], 1),
        ([10**9] * 3, 0xFFFF),
    ],
)
def test_the_percentile_is_by_nearest_rank_and_never_rounded_down(micros, tenths):
    assert percentile(micros) == tenths


def test_a_window_is_handed_over_once_it_is_over():
    book = Book()
    for seconds in range(0, 600, 20):
        state = DOWN if 120 <= seconds < 240 else UP
        book.note("rd-7", NOON + timedelta(seconds=seconds), Verdict(state, 1500))
    assert book.take(NOON + timedelta(minutes=4)) == []
    (first,) = book.take(NOON + timedelta(minutes=9))
    assert (first.key, first.day, first.number) == ("rd-7", date(2026, 10, 7), 144)
    assert (first.known, first.bad, first.latency) == ((720, 721, 722, 723, 724), (722, 723), 15)
    (second,) = book.take_all()
    assert (second.number, second.bad) == (145, ())
    assert book.take_all() == []
