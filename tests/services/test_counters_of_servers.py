"""Servers of one machine tell what they counted: which run of them, and what was ours."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from portal.kernel.errors import Temporary
from services import registry
from services.backends.process import counters
from services.backends.process.counters import Server
from services.backends.process.layout import Folder
from services.backends.process.run import Surroundings
from services.backends.process.supervisor import State
from services.catalog.databases.memcached import usage as memcached
from services.catalog.databases.redis import usage as redis
from services.spec import Counted, Counting, Http, Standing
from tests.services.test_usage_beyond import spec_of

SPEC = spec_of("rabbitmq", "dev-1x1")
RUNS = State(SPEC.name, "RUNNING", 7, "", 100)
AGAIN = State(SPEC.name, "RUNNING", 8, "", 160)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Says what `server.says` holds; raises it where it is an error."""

    class Fake:
        says = "5"
        states = (RUNS,)

        def look(self):
            state, *rest = self.states
            self.states = rest or [state]
            return {state.name: state}

        def find(self, entry, spec):
            folder = Folder(tmp_path, SPEC.name)
            folder.path.mkdir(parents=True, exist_ok=True)
            around = Surroundings(None, tmp_path, tmp_path, {})
            return Server(folder, Counting(Http("http://x"), self.read, self.lasting), around)

        lasting = False

        def read(self, said):
            return [Standing("messages", int(said))]

        def told(self):
            asked = [(registry.get("rabbitmq"), SPEC, datetime(2026, 10, 20, tzinfo=UTC))]
            return counters.read(asked, self.look, self.find)

    fake = Fake()

    def answer(action, around):
        if isinstance(fake.says, Exception):
            raise fake.says
        return fake.says

    monkeypatch.setattr(counters, "answer", answer)
    return fake


def stands(value, counter="messages/100.7/"):
    return {SPEC.name: (Counted("messages", Decimal(value), counter=counter),)}


def test_a_counter_is_named_with_the_run_of_its_server(server):
    assert server.told() == stands(5)
    server.states = [AGAIN]
    assert server.told() == stands(5, "messages/160.8/")


def test_what_lasts_is_of_every_run(server):
    server.lasting = True
    assert server.told() == stands(5, "messages//")


def test_of_a_server_that_started_meanwhile_nothing_is_told(server):
    server.states = [RUNS, AGAIN]
    assert server.told() == {}


def test_who_does_not_run_is_told_of_with_nothing(server):
    server.states = [State(SPEC.name, "STOPPED")]
    assert server.told() == {SPEC.name: ()}


@pytest.mark.parametrize("says", [Temporary("engine-not-ready"), "<html>", ""])
def test_where_nobody_answers_the_look_is_made_again(server, says):
    server.says = says
    with pytest.raises(Temporary):
        server.told()


def test_what_was_counted_before_it_was_handed_over_is_ours(server):
    counters.begin(server.find(None, SPEC), RUNS)
    server.says = "12"
    assert server.told() == stands(7)
    server.states, server.says = [AGAIN], "3"
    assert server.told() == stands(3, "messages/160.8/")


def test_commands_about_the_server_are_no_requests():
    said = (
        "$99\r\n# Commandstats\r\ncmdstat_get:calls=3,usec=9,failed_calls=0\r\n"
        "cmdstat_client|list:calls=4,usec=1\r\ncmdstat_ping:calls=90,usec=1\r\n"
        "cmdstat_xinfo|stream:calls=2,usec=1\r\n\r\n+PONG\r\n"
    )
    assert redis.requests(said) == (Standing("requests", 5),)
    with pytest.raises(ValueError, match="statistics"):
        redis.requests("-NOAUTH Authentication required.\r\n+PONG\r\n")
    with pytest.raises(ValueError, match="statistics"):
        memcached.requests("STORED\r\nSTAT cmd_get 1\r\nEND\r\n")
