"""Faults 4 to 6: nobody answers the door, or the one who was there has gone."""

import contextlib
import socket

import pytest

from bff.testing import fault_kinds as kinds
from tests.faults.relay import Relay
from tests.faults.trial import CALM, PAIRED, SCREEN, unharmed

CONNECT_TIMEOUT = 100
ALL_HOSTS_STAY = {
    "outlier": {"percent": "0%"},
    "breaker": {"mode": "disabled"},
    "retry": {"budget": {"ratio": "100%"}},
}
"""Half of all calls are repeated here for as long as a test lasts, which nothing may end early."""
ORDER = 'mutation { orderOfPair(id: "o1") { id who text } }'


@pytest.fixture(scope="module")
def deaf():
    """An address at which connects neither succeed nor fail: its queue of new connections is full."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.2", 0))
        listener.listen(0)
        for _ in range(3):
            filling = sockets.enter_context(socket.socket())
            filling.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filling.connect(listener.getsockname())
        yield "http://{}:{}".format(*listener.getsockname())


@pytest.fixture(scope="module")
def refusing():
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", 0))
        yield "http://{}:{}".format(*taken.getsockname())


@pytest.fixture(scope="module", params=["deaf", "refusing"])
def silent(request):
    """4: packets are dropped; 5: the kernel says no at once."""
    return request.param, request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def half_silent_bff(start_bff, silent, steady, pair):
    """One host of the pair is silent, and so is all of the shaky service."""
    return start_bff(
        {
            "shaky": {"hosts": [silent[1]]},
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": [silent[1], pair[0].url], **ALL_HOSTS_STAY},
        }
    )


def test_faults_4_and_5_what_was_never_sent_goes_to_the_other_host(half_silent_bff, silent, steady, pair):
    """Orders too: the silent host saw nothing, and the other one sees each once."""
    name, address = silent
    with unharmed(half_silent_bff, [steady, *pair], affected=set(), query=PAIRED, open_time=1.0, looks=5) as trial:
        before = pair[0].arrivals("POST")

        answers = [trial.ask(PAIRED) for _ in range(8)] + [trial.ask(ORDER) for _ in range(8)]

        assert all(answer.whole for answer in answers)
        assert pair[0].arrivals("POST") - before == 8
        lost = trial.log(event="attempt", origin=address)
        assert {line["outcome"] for line in lost} == {"CONNECT"}
        least = CONNECT_TIMEOUT - 5 if name == "deaf" else 0
        assert [line["ms"] for line in lost if not least <= line["ms"] < least + CONNECT_TIMEOUT] == []


def test_faults_4_and_5_where_there_is_no_other_host_its_field_fails(half_silent_bff, silent, steady, pair):
    with unharmed(
        half_silent_bff, [steady, *pair], affected={"thing"}, query=CALM, open_time=1.0, looks=5
    ) as trial:
        first = trial.ask(SCREEN)

        assert first.codes == ["UPSTREAM_UNAVAILABLE"]
        assert set(trial.outcomes()) == {"CONNECT"}


@pytest.fixture(scope="module")
def relay(shaky):
    relay = Relay(shaky.url)
    yield relay
    relay.close()


@pytest.fixture(scope="module")
def far_bff(start_bff, relay, steady, pair):
    return start_bff(
        {
            "shaky": {"hosts": [relay.url], "pool": {"keepalive_expiry": "400ms"}},
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": [host.url for host in pair]},
        }
    )


def test_fault_6_a_peer_that_vanished_costs_one_attempt(far_bff, relay, shaky, steady):
    """A pooled connection is dead and nobody has been told; a GET recovers over another one."""
    with unharmed(far_bff, [shaky, steady], affected={"thing"}, open_time=1.0) as trial:
        assert trial.ask().whole
        trial.first = far_bff.mark()
        relay.vanish()

        assert trial.ask().whole
        assert trial.outcomes() == ["READ_TIMEOUT", "OK"]
        assert all(trial.ask().whole for _ in range(5))


def test_fault_6_an_order_over_a_dead_connection_is_not_sent_again(far_bff, relay, shaky, steady):
    """Nobody knows whether it arrived."""
    with unharmed(far_bff, [shaky, steady], affected={"order"}, open_time=1.0) as trial:
        assert trial.ask().whole
        relay.vanish()
        before = shaky.arrivals("POST")

        assert trial.ask('mutation { order(id: "o1") { id who text } }').codes == ["UPSTREAM_TIMEOUT"]
        assert shaky.arrivals("POST") == before


@pytest.mark.parametrize("kind", [kinds.ResetOnAccept(), kinds.CloseAfterReply()])
def test_a_service_that_hangs_up_costs_its_field_at_most(trouble, shaky, kind):
    """Closing after a reply costs nothing at all: the connection is looked at before it is used again."""
    with trouble("thing") as trial:
        shaky.break_with(kind)

        answers = [trial.ask() for _ in range(5)]

        if isinstance(kind, kinds.CloseAfterReply):
            assert all(answer.whole for answer in answers)
        else:
            assert set(trial.outcomes()) <= {"RESET", "CONNECT"}
