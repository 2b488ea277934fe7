"""Fixtures that every application has which installs bff; loaded by pytest itself.

Everything but the fixtures' names is imported on first use: each pytest run of an application passes through here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

try:
    import pytest_asyncio
except ImportError:  # the application runs its async tests by another plugin, which takes plain fixtures
    _async_fixture: Callable[[Any], Any] = pytest.fixture
else:
    _async_fixture = pytest_asyncio.fixture

if TYPE_CHECKING:
    from bff.testing.fake_upstream import FakeUpstream
    from bff.testing.virtual_clock import VirtualClock


class FakeUpstreamFactory(Protocol):
    """Starts a fake upstream; takes what `FakeUpstream` takes."""

    def __call__(self, **options: Any) -> "Awaitable[FakeUpstream]": ...


@_async_fixture
async def fake_upstream() -> AsyncIterator[FakeUpstreamFactory]:
    """Return a function that starts a `FakeUpstream`; all are closed after the test."""
    from bff.testing.fake_upstream import FakeUpstream  # noqa: PLC0415 - the plugin stays cheap

    async with AsyncExitStack() as fakes:

        async def start(**options: Any) -> FakeUpstream:
            return await fakes.enter_async_context(FakeUpstream(**options))

        yield start


@pytest.fixture
def virtual_clock() -> "VirtualClock":
    """Return a clock that moves only by `advance` and `run`."""
    from bff.testing.virtual_clock import VirtualClock  # noqa: PLC0415 - the plugin stays cheap

    return VirtualClock()
