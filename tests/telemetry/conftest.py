"""Calls as the pipeline tells them, at moments that the test chooses."""

from itertools import count

import pytest

from bff.events import AttemptFinished, CallFinished, CallStarted, OperationStarted
from bff.telemetry.journal import Journals
from bff.upstream.message import Origin
from bff.upstream.outcome import Outcome

ORIGIN = Origin("http", "10.0.0.7", 8080)


class Hand:
    """A clock for what neither sleeps nor awaits."""

    def __init__(self):
        self.moment = 1000.0

    def now(self):
        return self.moment

    def wall(self):
        return self.moment

    async def sleep(self, seconds):
        raise AssertionError("nothing sleeps here")


class Told:
    """Journals, and what is told to them."""

    def __init__(self):
        self.clock = Hand()
        self.journals = Journals(self.clock)
        self.numbers = count(1)

    def begin(self, request="r1", name="Screen"):
        self.journals(OperationStarted(request, name, "query", self.clock.now()))
        return self.journals.of(request)

    def tell(self, *events):
        for event in events:
            self.journals(event)

    def pass_time(self, seconds):
        self.clock.moment += seconds

    def start(self, upstream, endpoint="one", request="r1"):
        """Begin a call; return a function that ends it, after an attempt unless it was at hand."""
        number, began = next(self.numbers), self.clock.now()
        self.tell(CallStarted(upstream, endpoint, request, number))

        def end(outcome=Outcome.OK, *, attempts=1, status=200):
            seconds = self.clock.now() - began
            for attempt in range(attempts):
                self.tell(
                    AttemptFinished(
                        upstream,
                        endpoint,
                        ORIGIN,
                        outcome,
                        seconds,
                        status,
                        request,
                        attempt + 1,
                        "default",
                        number,
                    )
                )
            self.tell(CallFinished(upstream, endpoint, request, number, outcome, seconds))
            return number

        end.number = number
        return end


@pytest.fixture
def told():
    return Told()
