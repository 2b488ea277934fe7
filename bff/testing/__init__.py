"""For tests: services that break on demand, a clock that waits for nobody, certificates that are wrong.

Names load on first use, because every pytest run of an application imports this package.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bff.testing.application import Answered, Application
    from bff.testing.fake_upstream import FakeUpstream
    from bff.testing.fault_proxy import FaultProxy
    from bff.testing.faults import BadFault, Fault, FaultBook
    from bff.testing.faulty_server import FaultyServer
    from bff.testing.http_message import Reply, Request, event
    from bff.testing.principals import KnownCallers, principal
    from bff.testing.routes import Routes
    from bff.testing.virtual_clock import VirtualClock

_HOMES = {
    "Answered": "application",
    "Application": "application",
    "BadFault": "faults",
    "FakeUpstream": "fake_upstream",
    "Fault": "faults",
    "FaultBook": "faults",
    "FaultProxy": "fault_proxy",
    "FaultyServer": "faulty_server",
    "KnownCallers": "principals",
    "Reply": "http_message",
    "Request": "http_message",
    "Routes": "routes",
    "VirtualClock": "virtual_clock",
    "event": "http_message",
    "principal": "principals",
}

__all__ = [
    "Answered",
    "Application",
    "BadFault",
    "FakeUpstream",
    "Fault",
    "FaultBook",
    "FaultProxy",
    "FaultyServer",
    "KnownCallers",
    "Reply",
    "Request",
    "Routes",
    "VirtualClock",
    "event",
    "principal",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
