"""The stages together, over real sockets: trouble in one service stays there, and nothing is done twice."""

import asyncio
import time
from random import Random

import msgspec
import pytest

from bff.clock import SystemClock
from bff.context import Context, Deadline, Operation
from bff.events import AttemptFinished, BreakerChanged, GateClosed, HedgeFinished, Retrying
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.testing import FakeUpstream, Fault, VirtualClock
from bff.testing.fault_kinds import (
    BadGzip,
    EofBeforeResponse,
    HangBeforeHeaders,
    HugeBody,
    InvalidStatusLine,
    MissingTerminator,
    ResetBeforeResponse,
    ResetMidBody,
    ShortBody,
    Status,
    TruncatedJson,
    WrongContentType,
)
from bff.upstream.client import open_upstreams
from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline import STAGES
from bff.upstream.transport.engines import open_transport

catalog = Upstream("catalog")
dishes = catalog.get("/dishes", returns=list[str], name="dishes")
search = catalog.get("/search", returns=list[str], name="search")
place = catalog.post("/orders", returns=str, headers=("idempotency-key",), name="place")
reviews = catalog.query("{ reviews }", at="reviews", returns=list[str], name="reviews")
ENDPOINTS = frozenset({dishes, search, place, reviews})
QUICK = {"attempt": "150ms", "total": "1s", "connect": "50ms", "queue": "50ms"}


EACH_ITS_OWN = {"coalesce": False}
"""Equal calls at the same time would be one call, and these tests count calls."""


class ShiftedClock(SystemClock):
    """The real clock, set ahead by a test instead of waiting."""

    ahead = 0.0

    def now(self):
        return time.monotonic() + self.ahead


class Caller:
    """A client of one upstream at real addresses."""

    def __init__(self, *urls, **policy):
        self.clock = ShiftedClock()
        self.events = []
        self.upstreams = open_upstreams(
            {"catalog": UpstreamPolicy(**{"hosts": urls, "cache": EACH_ITS_OWN, **policy})},
            OperationsPolicy(),
            open_transport=lambda limits: open_transport(limits, clock=self.clock, rng=Random(1)),
            clock=self.clock,
            rng=Random(1),
            notify=self.events.append,
        )

    def context(self, **headers):
        operation = Operation("r", Deadline.after(5.0, self.clock), self.upstreams, headers=headers)
        return Context(operation, ENDPOINTS, "test")

    async def ask(self, endpoint, key=None, **headers):
        extra = {"headers": {"idempotency-key": key}} if key else {}
        try:
            return await endpoint(self.context(**headers), **extra)
        except UpstreamError as error:
            return error

    def breaker(self, group="default"):
        return self.upstreams["catalog"].pipelines.circuits[group]

    @property
    def changes(self):
        return [(event.group, event.after) for event in self.events if isinstance(event, BreakerChanged)]


@pytest.fixture
async def service():
    async with FakeUpstream() as fake:
        answer(fake)
        yield fake


@pytest.fixture
async def callers():
    made = []

    def make(*urls, **policy):
        made.append(Caller(*urls, **policy))
        return made[-1]

    yield make
    for caller in made:
        await caller.upstreams.close()


def answer(fake):
    fake.on("GET", "/dishes", json=["pasta"])
    fake.on("GET", "/search", json=["found"])
    fake.on("POST", "/orders", json="placed")
    fake.on("POST", "/graphql", json={"data": {"reviews": ["good"]}})


SENT_AND_BROKEN = [
    pytest.param(Status(503), 2, Outcome.GATEWAY_ERROR, id="503"),
    pytest.param(Status(502), 2, Outcome.GATEWAY_ERROR, id="502"),
    pytest.param(Status(408), 2, Outcome.REQUEST_TIMEOUT, id="408"),
    pytest.param(Status(425), 2, Outcome.TOO_EARLY, id="425"),
    pytest.param(Status(429), 2, Outcome.THROTTLED, id="429"),
    pytest.param(Status(429, retry_after=3600), 1, Outcome.THROTTLED, id="429 for an hour"),
    pytest.param(Status(500), 1, Outcome.SERVER_ERROR, id="500"),
    pytest.param(Status(501), 1, Outcome.SERVER_ERROR, id="501"),
    pytest.param(Status(400), 1, Outcome.CLIENT_ERROR, id="400"),
    pytest.param(Status(401), 1, Outcome.AUTH, id="401"),
    pytest.param(Status(404), 1, Outcome.NOT_FOUND, id="404"),
    pytest.param(Status(409), 1, Outcome.CONFLICT, id="409"),
    pytest.param(ResetBeforeResponse(), 2, Outcome.RESET, id="reset before the response"),
    pytest.param(EofBeforeResponse(), 2, Outcome.RESET, id="end before the response"),
    pytest.param(InvalidStatusLine(), 2, Outcome.BODY_BROKEN, id="no HTTP"),
    pytest.param(HangBeforeHeaders(), 2, Outcome.READ_TIMEOUT, id="silence"),
    pytest.param(ResetMidBody(), 2, Outcome.BODY_BROKEN, id="reset in the body"),
    pytest.param(ShortBody(), 2, Outcome.BODY_BROKEN, id="short body"),
    pytest.param(MissingTerminator(), 2, Outcome.BODY_BROKEN, id="no last chunk"),
    pytest.param(BadGzip(), 2, Outcome.BODY_BROKEN, id="bad gzip"),
    pytest.param(TruncatedJson(), 1, Outcome.BAD_PAYLOAD, id="truncated JSON"),
    pytest.param(WrongContentType(), 1, Outcome.BAD_PAYLOAD, id="HTML"),
    pytest.param(HugeBody(bytes=16 * 1024 * 1024), 1, Outcome.TOO_LARGE, id="too large"),
]


def test_pl_1_what_a_call_passes_is_in_the_normative_order():
    normative = ["cache", "coalesce", "degrade", "deadline", "retry", "hedge", "balance", "breaker"]
    normative += ["bulkhead", "credentials", "attempt", "transport"]

    assert [stage for stage in STAGES if stage in normative] == normative


class Refusing:
    """A transport that counts what it refuses."""

    refused = 0

    async def send(self, request):
        self.refused += 1
        raise UpstreamError(Outcome.CONNECT, "refused")

    async def close(self):
        pass


async def test_pl_2_a_pause_between_attempts_holds_no_permit():
    """Otherwise calls that only wait would take the places of those that could succeed."""
    clock, transport = VirtualClock(), Refusing()
    policy = {"bulkhead": {"max_concurrency": 1}, "retry": {"first_delay": "100ms"}, "cache": EACH_ITS_OWN}
    upstreams = open_upstreams(
        {"catalog": UpstreamPolicy(hosts=["http://127.0.0.1:1"], **policy)},
        OperationsPolicy(),
        open_transport=lambda limits: transport,
        clock=clock,
        rng=Random(1),
        notify=lambda event: None,
    )
    context = Context(Operation("r", Deadline.after(5.0, clock), upstreams), ENDPOINTS, "test")
    permits = upstreams["catalog"].pipelines.permits

    asking = asyncio.ensure_future(dishes(context))
    await clock.advance(0)
    paused = (transport.refused, permits.in_flight)
    with pytest.raises(UpstreamError):
        await clock.run(asking)

    assert paused == (1, 0)
    assert transport.refused == 2


@pytest.mark.parametrize(("fault", "arrivals", "outcome"), SENT_AND_BROKEN)
@pytest.mark.parametrize("kind", ["safe", "unsafe", "unsafe with key"])
async def test_t_rt_a_how_often_a_service_sees_a_call(service, callers, fault, arrivals, outcome, kind):
    """T-RT-a, T-RT-c: whatever breaks, a POST without key arrives exactly once.

    RT-8: an answer is used when its whole body has come, so that one that breaks off may be asked for again.
    """
    service.trouble(Fault(fault))
    caller = callers(service.url, timeouts=QUICK)

    error = await caller.ask(dishes if kind == "safe" else place, "k1" if kind == "unsafe with key" else None)

    assert error.outcome is outcome
    assert len(service.arrivals) == (1 if kind == "unsafe" else arrivals)
    counts = [request.headers["x-attempt-count"] for request in service.arrivals]
    assert counts == [str(number + 1) for number in range(len(counts))]


@pytest.mark.parametrize("endpoint", [dishes, place])
async def test_what_was_never_sent_goes_to_the_other_host(service, callers, endpoint):
    """Fault 5: the first host refuses connections; not even an order is lost."""
    async with FakeUpstream() as gone:
        url = gone.url
    caller = callers(url, service.url)

    answers = [await caller.ask(endpoint) for _ in range(20)]

    assert not any(isinstance(one, UpstreamError) for one in answers)
    assert len(service.arrivals) == 20
    assert caller.changes == []


@pytest.mark.parametrize(("count", "arrivals"), [("1", 2), ("01", 2), ("2", 1), ("10", 1), ("-3", 2), ("x", 2)])
async def test_rt_7_a_caller_that_repeats_is_not_multiplied(service, callers, count, arrivals):
    service.trouble(Fault(Status(503)))
    caller = callers(service.url)

    await caller.ask(dishes, **{"x-attempt-count": count})

    assert len(service.arrivals) == arrivals


async def test_dl_5_the_time_told_to_the_service_decreases_with_each_attempt(service, callers):
    """T-DL-c."""
    service.trouble(Fault(Status(503)))
    caller = callers(service.url, timeouts={"attempt": "900ms", "total": "900ms"}, retry={"attempts": 4})

    await caller.ask(dishes)

    told = [int(request.headers["x-request-timeout-ms"]) for request in service.arrivals]
    assert len(told) == 4
    assert told == sorted(told, reverse=True)
    assert told[-1] < told[0]


async def test_a_failing_service_is_left_alone_and_found_well_again_by_three_probes_at_most(service, callers):
    """What the breaker is for: no call while it is open, few while nobody knows, other groups as ever."""
    service.trouble(Fault(Status(503), path="/search"))
    caller = callers(service.url, groups={"search": {"endpoints": ["search"]}}, retry={"attempts": 1})
    for _ in range(20):
        await caller.ask(search)
    assert caller.breaker("search").state == "open"
    seen = len(service.arrivals)

    times = []
    for _ in range(100):
        started = time.thread_time()
        refused = await caller.ask(search)
        times.append(time.thread_time() - started)
        assert (refused.outcome, refused.code, refused.state) == (Outcome.OPEN, "CIRCUIT_OPEN", "open")
        assert 0 < refused.retry_after <= 6

    assert len(service.arrivals) == seen
    assert sorted(times)[98] < 0.005, "the rule's bound, on our own time"
    assert await caller.ask(dishes) == ["pasta"]

    service.clear()
    caller.clock.ahead += 6.1
    before = len(service.arrivals)
    answers = await asyncio.gather(*(caller.ask(search) for _ in range(20)))
    probes = len(service.arrivals) - before
    assert 2 <= probes <= 3
    assert sum(one == ["found"] for one in answers) == probes
    assert caller.breaker("search").state == "closed"
    assert caller.changes == [("search", "open"), ("search", "half_open"), ("search", "closed")]


@pytest.mark.parametrize("fault", [TruncatedJson(), WrongContentType()])
async def test_cb_10_answers_that_cannot_be_used_open_the_breaker(service, callers, fault):
    """Faults 11 and 13: status 200 says nothing about the payload."""
    service.trouble(Fault(fault))
    caller = callers(service.url)

    for _ in range(20):
        assert (await caller.ask(dishes)).outcome is Outcome.BAD_PAYLOAD

    assert (await caller.ask(dishes)).outcome is Outcome.OPEN
    assert len(service.arrivals) == 20


@pytest.mark.parametrize(
    ("code", "last"),
    [("SERVICE_UNAVAILABLE", Outcome.OPEN), ("INTERNAL_SERVER_ERROR", Outcome.OPEN), ("BAD_USER_INPUT", "answer")],
)
async def test_cb_10_a_graphql_services_own_errors_count_by_their_code(service, callers, code, last):
    refusal = {"data": None, "errors": [{"message": "no", "extensions": {"code": code}}]}
    service.on("POST", "/graphql", json=refusal)
    caller = callers(service.url)

    for _ in range(20):
        await caller.ask(reviews)

    error = await caller.ask(reviews)
    assert (error.outcome is Outcome.OPEN) == (last is Outcome.OPEN)
    assert len(service.arrivals) == (20 if last is Outcome.OPEN else 21)


async def test_a_payload_is_decoded_once(service, callers):
    decoded = 0

    class Counted(msgspec.Struct):
        text: str

        def __post_init__(self):
            nonlocal decoded
            decoded += 1

    service.on("GET", "/counted", json={"text": "a"})
    endpoint = catalog.get("/counted", returns=Counted, name="counted")
    caller = callers(service.url)
    operation = caller.context().operation

    assert (await endpoint(Context(operation, frozenset({endpoint}), "test"))).text == "a"
    assert decoded == 1


async def test_t_cb_c_one_bad_host_of_ten_is_left_alone_and_the_breaker_stays_closed(service, callers):
    """T-CB-c, CB-11: a breaker covers the pool; a single host is for ejection."""
    async with FakeUpstream() as bad:
        bad.trouble(Fault(Status(503)))
        bad.on("GET", "/dishes", json=["pasta"])
        others = [f"{service.url}/v{number}" for number in range(9)]
        for number in range(9):
            service.on("GET", f"/v{number}/dishes", json=["pasta"])
        caller = callers(bad.url, *others)

        answers = [await caller.ask(dishes) for _ in range(500)]

        assert all(answer == ["pasta"] for answer in answers)
        assert len(bad.arrivals) == 5
        assert caller.changes == []


async def test_a_storm_of_429_is_answered_by_silence_and_no_open_breaker(service, callers):
    """Fault 21."""
    service.trouble(Fault(Status(429, retry_after=30)))
    caller = callers(service.url)

    answers = [await caller.ask(dishes) for _ in range(200)]

    assert len(service.arrivals) == 1
    assert {one.code for one in answers} == {"UPSTREAM_THROTTLED"}
    assert all(29 < one.retry_after <= 30 for one in answers)
    assert caller.changes == []
    assert sum(isinstance(event, GateClosed) for event in caller.events) == 1
    service.clear()
    caller.clock.ahead += 31
    assert await caller.ask(dishes) == ["pasta"]


async def test_a_retry_hides_a_single_failure_and_is_told(service, callers):
    service.trouble(Fault(ResetBeforeResponse(), times=1))
    caller = callers(service.url)

    assert await caller.ask(dishes) == ["pasta"]
    (retrying,) = [event for event in caller.events if isinstance(event, Retrying)]
    assert (retrying.endpoint, retrying.reason) == ("dishes", Outcome.RESET)


async def test_hg_2_a_host_that_stalls_is_overtaken_by_the_other(service, callers):
    """The loser's connection is closed at once (DL-10), and it counts against nobody."""
    async with FakeUpstream() as other:
        answer(other)
        caller = callers(service.url, other.url, hedge={"enabled": True, "extra_load": "50%", "min_delay": "20ms"})
        for _ in range(120):
            await caller.ask(dishes)
        caller.clock.ahead += 1.1
        service.trouble(Fault(HangBeforeHeaders(), times=1))

        started = time.perf_counter()
        answers = [await caller.ask(dishes) for _ in range(20)]

        assert answers == [["pasta"]] * 20
        assert time.perf_counter() - started < 1.0
        (won, *_) = [event.won for event in caller.events if isinstance(event, HedgeFinished)]
        assert won
        ends = [event.outcome for event in caller.events if isinstance(event, AttemptFinished)]
        assert Outcome.CANCELLED in ends
        assert Outcome.READ_TIMEOUT not in ends
        assert caller.breaker().rates(caller.clock.now())[0] in {0.0, -1.0}


async def test_an_endpoint_has_its_own_times_and_attempts(service, callers):
    service.trouble(Fault(HangBeforeHeaders()))
    caller = callers(
        service.url,
        timeouts={"attempt": "2s", "total": "2s", "connect": "50ms", "queue": "50ms"},
        endpoints={"search": {"timeouts": {"attempt": "100ms", "total": "700ms"}, "retry": {"attempts": 3}}},
    )

    started = time.perf_counter()
    await caller.ask(search)

    assert len(service.arrivals) == 3
    assert time.perf_counter() - started < 1.5


async def test_after_all_that_nothing_is_left_over(service, callers):
    """G5: permits are back, whatever happened to the calls."""
    service.trouble(Fault(HangBeforeHeaders(), share=0.5), Fault(ResetMidBody(), share=0.5))
    caller = callers(service.url, timeouts=QUICK, bulkhead={"max_concurrency": 5})

    asked = [asyncio.ensure_future(caller.ask(dishes)) for _ in range(60)]
    await service.arrived(5)
    for task in asked[::3]:
        task.cancel()
    await asyncio.wait(asked)

    pipelines = caller.upstreams["catalog"].pipelines
    for _ in range(250):
        if pipelines.permits.in_flight:
            await asyncio.sleep(0.001)
    assert (pipelines.permits.in_flight, pipelines.permits.waiting) == (0, 0)
    assert [member.active for member in pipelines.cluster.members] == [0]


async def test_ac4_each_group_has_a_limit_of_its_own(make_world):
    """Cheap calls must not make costly ones look slow."""
    world = make_world({"adaptive": {"enabled": True}, "groups": {"search": {"endpoints": ["search"]}}})

    pipelines = world.upstreams["catalog"].pipelines

    assert [permits.limit for permits in pipelines.adaptive] == [20, 20]
    assert pipelines.permits.limit == 100
