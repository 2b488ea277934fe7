"""One bff process for each file, impatient so that minutes become seconds, in front of services of its own."""

import json
from contextlib import ExitStack

import pytest

from tests.faults.lateness import machine
from tests.faults.processes import Bff, Service
from tests.faults.trial import SCREEN, unharmed

OPEN_TIME = 0.5
MAX_OPEN_TIME = 1.0

OPERATIONS = {
    "deadline": "1s",
    "drain": {"delay": "500ms", "timeout": "3s"},
}
IMPATIENT = {
    "timeouts": {
        "total": "900ms", "attempt": "250ms", "connect": "100ms", "dns": "100ms", "read_idle": "250ms",
        "write_idle": "250ms", "queue": "100ms",
    },
    "pool": {"keepalive_expiry": "150ms"},
    "retry": {"gate_max": "4s", "first_delay": "10ms", "max_delay": "20ms"},
    "breaker": {"window": "1s", "open_time": "500ms", "max_open_time": "1s", "open_jitter": "0%"},
    "forward": {"headers": ["authorization"]},
}  # fmt: skip


@pytest.fixture(scope="module")
def running():
    """Ends what a file of tests has started."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def start_service(running):
    """Return a function that starts a service."""

    def start(*arguments):
        service = Service(*arguments)
        running.callback(service.close)
        return service

    return start


@pytest.fixture(scope="module")
def start_bff(running, tmp_path_factory, search_log):
    """Return a function that starts a bff: `start({name: policy}, *arguments, defaults=..., operations=...)`."""

    def start(upstreams, *arguments, defaults=None, operations=None, store=None, **options):
        folder = tmp_path_factory.mktemp("policies")
        (folder / "upstreams").mkdir()
        files = {"operations": {**OPERATIONS, **(operations or {})}, "defaults": {**IMPATIENT, **(defaults or {})}}
        files |= {f"upstreams/{name}": policy for name, policy in upstreams.items()}
        files |= {"store": store} if store else {}
        for name, policy in files.items():
            (folder / f"{name}.yaml").write_text(json.dumps(policy), encoding="utf-8")
        bff = Bff(folder, *arguments, **options)
        running.callback(lambda: search_log(bff.lines))  # after it is closed
        running.callback(bff.close)
        return bff

    return start


@pytest.fixture(scope="module")
def shaky(start_service):
    return start_service()


@pytest.fixture(scope="module")
def steady(start_service):
    return start_service()


@pytest.fixture(scope="module")
def pair(start_service):
    """The two hosts of one service."""
    return [start_service(), start_service()]


@pytest.fixture(scope="module")
def policy_of_shaky():
    """What a file wants to be different about the service in trouble."""
    return {}


@pytest.fixture(scope="module")
def bff(start_bff, shaky, steady, pair, policy_of_shaky):
    return start_bff(
        {
            "shaky": {"hosts": [shaky.url], **policy_of_shaky},
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": [host.url for host in pair]},
        }
    )


@pytest.fixture
def trouble(bff, shaky, steady, pair):
    """Return a function that begins a trial of the file's bff, `with trouble("thing") as trial`."""

    def begin(*affected, query=SCREEN, open_time=MAX_OPEN_TIME):
        return unharmed(bff, [shaky, steady, *pair], affected=set(affected), query=query, open_time=open_time)

    return begin


@pytest.fixture
def lateness():
    """How late this machine is, in milliseconds so far: what every bound of a few of them has to allow for."""
    with machine() as watched:
        yield watched
