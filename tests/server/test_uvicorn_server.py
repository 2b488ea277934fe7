"""Connections that uvicorn itself would keep for ever."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from bff.server.uvicorn_server import Reaper


@dataclass(eq=False)
class Transport:
    closing: bool = False
    aborted: bool = False

    def is_closing(self):
        return self.closing

    def abort(self):
        self.aborted = True


@dataclass(eq=False)
class Connection:
    transport: Transport = field(default_factory=Transport)
    cycle: object = None
    resting: bool = False


DONE = SimpleNamespace(response_complete=True)
RUNNING = SimpleNamespace(response_complete=False)


@pytest.mark.parametrize(
    ("connection", "aborted"),
    [
        pytest.param(Connection(), True, id="never asked anything"),
        pytest.param(Connection(cycle=DONE), True, id="stuck in its next header"),
        pytest.param(Connection(Transport(closing=True), RUNNING), True, id="closed but not read to the end"),
        pytest.param(Connection(cycle=RUNNING), False, id="waits for its answer"),
        pytest.param(Connection(cycle=DONE, resting=True), False, id="idle, its timer runs"),
    ],
)
def test_a_connection_that_goes_nowhere_is_aborted(connection, aborted):
    reaper = Reaper()
    for second in range(32):
        reaper.sweep({connection}, float(second))

    assert connection.transport.aborted is aborted


def test_a_connection_that_moves_on_starts_anew():
    connection, reaper = Connection(), Reaper()
    for second in range(60):
        connection.cycle = RUNNING if second % 20 == 0 else None
        reaper.sweep({connection}, float(second))

    assert not connection.transport.aborted
