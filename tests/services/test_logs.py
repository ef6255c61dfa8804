"""Which lines of a server's log belong to an operation."""

from datetime import UTC, datetime, timedelta

import pytest

from services.instances.logs import moment_of, part_of

AT = datetime(2026, 11, 25, 14, 3, 12, 345000, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-25 14:03:12.345 UTC [932] LOG:  database system is ready",  # PostgreSQL
        "2026-11-25T14:03:12.345Z\tinfo\tWelcome to InfluxDB",
        "2026-11-25 14:03:12.345000+00:00 [info] <0.254.0> RabbitMQ",
        "[2026-11-25 15:03:12,345+01:00] INFO Kafka Server started",
        "2026-11-25T09:03:12.345-0500 a server far away",
    ],
)
def test_a_time_with_a_zone_is_read(line):
    assert moment_of(line, AT) == AT


@pytest.mark.parametrize(
    "line",
    [
        "1:M 25 Nov 2026 14:03:12.345 * Ready to accept connections tcp",  # Valkey
        "[12] 2026/11/25 14:03:12.345000 [INF] Server is ready",  # NATS
        "2026-11-25 14:03:12 0 [Note] mariadbd: ready for connections.",
        "[2026-11-25 14:03:12,345] INFO [KafkaRaftServer nodeId=1] Kafka Server started",
        "I1125 14:03:12.345000 master_server.go:100 Start Seaweed Master",
    ],
)
def test_a_time_without_a_zone_is_that_of_this_machine(line):
    naive = AT.replace(tzinfo=None)
    found = moment_of(line, AT)
    assert found is not None
    assert abs(found - naive.astimezone(UTC)) < timedelta(seconds=1)


@pytest.mark.parametrize("line", ["", "no time here", "2026-13-45 99:99:99 UTC nonsense"])
def test_what_is_no_time_is_none(line):
    assert moment_of(line, AT) is None


LOG = """\
2026-11-25 14:00:00.000 UTC [1] LOG:  long before
2026-11-25 14:03:12.000 UTC [1] LOG:  begun
    with a line that belongs to it
2026-11-25 14:03:20.000 UTC [1] LOG:  done
2026-11-25 14:09:00.000 UTC [1] LOG:  long after
"""


def test_only_the_lines_of_the_operation_are_kept():
    part = part_of(LOG, AT, AT + timedelta(seconds=8))
    assert part.text.splitlines() == LOG.splitlines()[1:4]
    assert part.timed


def test_while_it_runs_the_end_is_open():
    assert part_of(LOG, AT, None).text.splitlines() == LOG.splitlines()[1:]


def test_a_log_without_times_shows_its_newest_lines():
    part = part_of("\n".join(f"line {n}" for n in range(500)), AT, None)
    assert not part.timed
    assert part.text.splitlines()[-1] == "line 499"
    assert len(part.text.splitlines()) == 200


def test_a_log_that_was_cut_says_so():
    early = AT - timedelta(days=9)
    assert part_of(LOG, early, early + timedelta(seconds=5)).reaches_back is False
    quiet = AT + timedelta(minutes=2)
    part = part_of(LOG, quiet, quiet + timedelta(seconds=5))
    assert (part.text, part.reaches_back) == ("", True)
