"""Events are facts: nobody changes them, and equal ones are equal."""

import gc
import inspect
import weakref

import msgspec
import pytest

import bff.events
import bff.server.events
from bff.codes import Code
from bff.events import CallStarted, ErrorTold, Event

KINDS = [
    member
    for module in (bff.events, bff.server.events)
    for _, member in inspect.getmembers(module, inspect.isclass)
    if issubclass(member, Event) and member is not Event
]
ONE = CallStarted("catalog", "dishes", "r1", 7)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_kind_of_event_can_be_changed(kind):
    assert kind.__struct_config__.frozen


def test_an_event_cannot_be_changed():
    with pytest.raises(AttributeError):
        ONE.call = 8


def test_equal_events_are_equal_and_count_as_one():
    same = CallStarted(upstream="catalog", endpoint="dishes", request_id="r1", call=7)

    assert {ONE, same} == {ONE}
    assert msgspec.structs.replace(ONE, call=8) != ONE


def test_an_event_says_what_it_knows():
    assert repr(ONE) == "CallStarted(upstream='catalog', endpoint='dishes', request_id='r1', call=7)"


def test_an_exception_that_an_event_holds_is_let_go_also_out_of_a_circle():
    class Fault(Exception):
        """Knows the event that tells of it."""

    fault = Fault()
    fault.told = ErrorTold("e", "r", Code.INTERNAL_SERVER_ERROR, None, None, "", fault)
    gone = weakref.ref(fault)

    del fault
    gc.collect()

    assert gone() is None
