"""One event, several listeners."""

from collections import Counter

from bff.events import AttemptFinished, CallStarted, HostReturned
from bff.telemetry.fanout import Hearing, Only, fan_out, telling

CALL = CallStarted("catalog", "dishes", "r1", 1)
HOST = HostReturned("catalog", "http://h:1")


class Choosy:
    """Hears of calls alone, and remembers how often it was asked what it hears."""

    def __init__(self, *handlers):
        self.asked = Counter()
        self._handlers = handlers

    def handlers(self, kind):
        self.asked[kind] += 1
        return self._handlers if kind is CallStarted else ()


def test_listeners_hear_in_their_order():
    heard = []
    tell = fan_out(
        lambda event: heard.append(("first", event)),
        Choosy(lambda event: heard.append(("second", event)), lambda event: heard.append(("third", event))),
        lambda event: heard.append(("last", event)),
    )

    tell(CALL)
    tell(HOST)

    assert heard == [
        ("first", CALL), ("second", CALL), ("third", CALL), ("last", CALL), ("first", HOST), ("last", HOST),
    ]  # fmt: skip


def test_a_choosy_listener_is_asked_once_for_each_kind():
    listener = Choosy()
    tell = fan_out(listener)

    for _ in range(3):
        tell(CALL)
        tell(HOST)

    assert listener.asked == {CallStarted: 1, HostReturned: 1}
    assert AttemptFinished not in listener.asked


def test_each_of_the_handlers_of_one_listener_may_raise():
    heard = []

    def fails(event):
        raise KeyError(event)

    fan_out(Choosy(fails, heard.append, fails), heard.append)(CALL)

    assert heard == [CALL, CALL]


def test_who_comes_later_hears_from_then_on_also_of_kinds_that_others_heard_before():
    before, after = [], []
    hearing = Hearing([before.append])
    tell = telling(hearing)
    tell(CALL)

    hearing.add(after.append)
    tell(CALL)
    tell(HOST)

    assert before == [CALL, CALL, HOST]
    assert after == [CALL, HOST]


def test_a_listener_of_some_kinds_hears_no_others():
    heard = []
    tell = fan_out(Only({HostReturned}, heard.append))

    tell(CALL)
    tell(HOST)

    assert heard == [HOST]
