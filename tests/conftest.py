"""For all tests: hypothesis does not time them, no log line has a credential, second tries, and `--sample`."""

import gc
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings

CREDENTIALS = re.compile(
    r"demo-[a-z]+[0-9]"  # tokens of the reference application
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # JSON web tokens
    r"|(?:Bearer|DPoP|Basic) +(?!\[redacted\])[A-Za-z0-9+/=._~-]{8,}"
    r"|SECRET[a-z]"  # what tests use for a credential
)
"""Written apart from the product's own rules, so that a gap in those shows."""

LONG = ("e2e", "faults", "pipeline_simulation", "web", "docker", "server", "cache", "admission", "transport")
"""Folders whose files take long: they go first, so that no worker is left with one of them in the end."""

WALL_CLOCK = frozenset(LONG) | {"store", "bench"}
"""Folders whose tests let real processes race on however few cores there are.

One of them that fails is tried once more, and the summary names it: a fault of the product fails twice.
"""

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a hundred processes would compile all modules, each for itself

settings.register_profile("bff", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", settings.get_profile("bff"), derandomize=False, print_blob=True)
settings.load_profile("bff")


def pytest_addoption(parser):
    parser.addoption(
        "--sample", type=int, default=1, metavar="N", help="run one test of N, of every kind, always the same ones"
    )


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: LONG.index(place) if (place := item.path.parent.name) in LONG else len(LONG))
    for item in items:
        if item.path.parent.name in WALL_CLOCK:
            item.add_marker(pytest.mark.flaky(reruns=1))
    share = config.getoption("--sample")
    if share > 1:
        left = [item for item in items if crc32(item.nodeid.encode()) % share]
        items[:] = [item for item in items if not crc32(item.nodeid.encode()) % share]
        config.hook.pytest_deselected(items=left)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Let no application that a test has built go on logging: its stream is closed when the test is over."""
    done = yield
    for handler in list(logging.root.handlers):
        if type(handler).__name__ == "StandardLogs":
            logging.root.removeHandler(handler)
    return done


def pytest_collection_finish():
    gc.collect()
    gc.freeze()  # modules and tests stay; the collector need not look at them again and again


@pytest.fixture(scope="session")
def search_log() -> Iterator[Callable[[Iterable[str]], None]]:
    """Return what searches lines of a process's log for credentials; found ones fail the session's last test."""
    leaks: list[str] = []

    def search(lines: Iterable[str]) -> None:
        leaks.extend(line for line in lines if CREDENTIALS.search(line))

    yield search
    assert leaks == []
