"""One bff process for each file, impatient so that minutes become seconds, in front of services of its own."""

import json
from contextlib import ExitStack

import pytest

from tests.faults.processes import Bff, Service
from tests.faults.trial import SCREEN, unharmed

OPEN_TIME = 0.5
MAX_OPEN_TIME = 1.0

OPERATIONS = {
    "deadline": "1s",
    "drain": {"delay": "500ms", "timeout": "3s"},
    "shedding": {"lag": {"bulk": "5s", "degraded": "5s", "default": "5s", "critical": "5s"}},
}
"""Shedding is patient: on a busy machine it would refuse for reasons that are not the fault's."""

IMPATIENT = {
    "timeouts": {
        "total": "900ms", "attempt": "250ms", "connect": "100ms", "dns": "100ms", "read_idle": "250ms",
        "write_idle": "250ms", "queue": "100ms",
    },
    "pool": {"keepalive_expiry": "80ms"},
    "retry": {"gate_max": "4s", "first_delay": "10ms", "max_delay": "20ms"},
    "breaker": {"window": "1s", "open_time": "500ms", "max_open_time": "1s", "open_jitter": "0%"},
    "forward": {"headers": ["authorization"]},
}  # fmt: skip


PATIENT = {"steady": {"timeouts": {"attempt": "400ms", "connect": "300ms", "read_idle": "400ms"}}}
"""The service that is well is not given up because the machine is busy: its answers are what they always are."""


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
        return service.ready()

    return start


@pytest.fixture(scope="session")
def services():
    """Four services that all files share; whoever kills one starts it again."""
    with ExitStack() as stack:
        started = [Service() for _ in range(4)]
        for service in started:
            stack.callback(service.close)
        yield [service.ready() for service in started]


def new_bff(stack, folder, upstreams, *arguments, search, defaults=None, operations=None, store=None, **options):
    """Return a bff with these policies, which are written to *folder*; *stack* ends it, *search* reads its log."""
    (folder / "upstreams").mkdir()
    files = {"operations": {**OPERATIONS, **(operations or {})}, "defaults": {**IMPATIENT, **(defaults or {})}}
    files |= {f"upstreams/{name}": PATIENT.get(name, {}) | policy for name, policy in upstreams.items()}
    files |= {"store": store} if store else {}
    for name, policy in files.items():
        (folder / f"{name}.yaml").write_text(json.dumps(policy), encoding="utf-8")
    bff = Bff(folder, *arguments, **options)
    stack.callback(lambda: search(bff.lines))  # after it is closed
    stack.callback(bff.close)
    return bff


@pytest.fixture(scope="module")
def start_bff(running, tmp_path_factory, search_log):
    """Return a function that starts a bff: `start({name: policy}, *arguments, defaults=..., operations=...)`."""

    def start(*arguments, **options):
        return new_bff(running, tmp_path_factory.mktemp("policies"), *arguments, search=search_log, **options)

    return start


@pytest.fixture(scope="session")
def common_bff(services, tmp_path_factory, search_log):
    """The bff of all files that want nothing special."""
    shaky, steady, *pair = [service.url for service in services]
    with ExitStack() as stack:
        yield new_bff(
            stack,
            tmp_path_factory.mktemp("policies"),
            {"shaky": {"hosts": [shaky]}, "steady": {"hosts": [steady]}, "pair": {"hosts": pair}},
            search=search_log,
        )


@pytest.fixture(scope="module")
def shaky(services):
    return services[0]


@pytest.fixture(scope="module")
def steady(services):
    return services[1]


@pytest.fixture(scope="module")
def pair(services):
    """The two hosts of one service."""
    return services[2:]


@pytest.fixture(scope="module")
def bff(common_bff):
    return common_bff


@pytest.fixture
def trouble(bff, shaky, steady, pair):
    """Return a function that begins a trial of the file's bff, `with trouble("thing") as trial`."""

    def begin(*affected, query=SCREEN, open_time=MAX_OPEN_TIME):
        return unharmed(bff, [shaky, steady, *pair], affected=set(affected), query=query, open_time=open_time)

    return begin
