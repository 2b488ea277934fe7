"""Which transport an upstream gets."""

from random import Random
from typing import Literal

from bff.clock import Clock
from bff.upstream.transport import Limits, Transport
from bff.upstream.transport.native import NativeTransport
from bff.upstream.transport.resolve import Resolver

Engine = Literal["native", "aiohttp"]
"""The clients that pass the conformance suite."""


def open_transport(
    limits: Limits,
    *,
    engine: Engine = "native",
    clock: Clock,
    rng: Random | None = None,
    resolver: Resolver | None = None,
) -> Transport:
    """Return a transport for one upstream; close it in the event loop it was used in.

    Args:
        limits: Bounds of connections and responses.
        engine: Which client does the work.
        clock: Measures ages of connections and addresses; timers of a request run on the event loop.
        rng: Spreads the ages at which connections end; seeded by the system when None.
        resolver: Finds addresses, such as one for the whole process; one of its own when None.
    """
    if engine == "native":
        return NativeTransport(limits, clock=clock, rng=rng or Random(), resolver=resolver)  # noqa: S311 - no secret
    from bff.upstream.transport.aiohttp_client import AiohttpTransport  # noqa: PLC0415 - a fifth of all start-up time

    return AiohttpTransport(limits, clock=clock, resolver=resolver)
