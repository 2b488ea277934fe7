"""Requests whose bytes came before are answered as the first one was, by whatever shorter way."""

import asyncio
import contextvars
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.codes import Code
from bff.execution.messages import Answer
from bff.policy.model import OperationsPolicy
from bff.server.events import ExchangeStopped
from bff.server.known import LONGEST, Memory
from bff.server.refusal import Refusal
from bff.server.watch import Stop

WHOLE = Answer({"data": {"__typename": "Query"}}, kind="query")


def request(query="{ __typename }", fields=b"", path=b"/graphql", method=b"POST"):
    body = b'{"query": "%b"}' % query.encode()
    head = b"%b %b HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n" % (method, path)
    return b"%b%bcontent-length: %d\r\n\r\n%b" % (head, fields, len(body), body)


def plain(answer):
    """What does not change from one answer to the next."""
    return re.sub(rb"(?m)^(date|x-request-id): [^\r]*\r\n", b"", answer)


async def whole(reader):
    """Return the next answer of a connection."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    length = int(re.search(rb"content-length: (\d+)", head)[1])
    return head + await reader.readexactly(length)


async def ask(running, *requests):
    """Send each of *requests* when the one before is answered, on one connection; return the answers."""
    async with running.socket() as (reader, writer):
        answers = []
        for one in requests:
            writer.write(one)
            answers.append(await whole(reader))
    return answers


def memory(running):
    return running.server.config.http_protocol_class.memory


async def test_the_same_bytes_get_the_same_answer_each_time_under_a_new_request_id(edge):
    async with edge() as running:
        answers = await ask(running, *[request()] * 6)

    assert len({plain(answer) for answer in answers}) == 1
    assert len({re.search(rb"x-request-id: (\S+)", answer)[1] for answer in answers}) == 6
    assert len(running.engine.requests) == 6, "each of them was executed"


async def test_what_is_at_hand_is_answered_without_a_task(edge):
    tasks = []

    async def behave(asked, ingress):
        tasks.append(asyncio.current_task())
        return Answer({"data": {"__typename": "Query"}}, kind="query")

    async with edge(behave) as running:
        await ask(running, *[request()] * 4)

    assert [task is None for task in tasks] == [False, False, True, True]


async def test_what_has_to_be_waited_for_after_all_is_waited_for_in_a_task(edge):
    """An answer that was at hand may not be the next time: what was kept is no longer fresh."""
    wait = False

    async def behave(asked, ingress):
        if wait:
            await asyncio.sleep(0)
            async with asyncio.timeout(5):
                await asyncio.sleep(0)
        return Answer({"data": {"__typename": "Query"}}, kind="query")

    async with edge(behave) as running, running.socket() as (reader, writer):
        for wait in (False, False, False, True, True, False, False):  # noqa: B007 - read by `behave`
            writer.write(request())
            assert (await whole(reader)).startswith(b"HTTP/1.1 200")


async def test_a_client_that_leaves_ends_what_is_waited_for_after_all(edge):
    wait, ended = False, asyncio.Event()

    async def behave(asked, ingress):
        if wait:
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()
        return Answer({"data": {"__typename": "Query"}}, kind="query")

    async with edge(behave) as running:
        await ask(running, *[request()] * 3)
        wait = True
        async with running.socket() as (_, writer):
            writer.write(request())
            await running.busy()
        await asyncio.wait_for(ended.wait(), 10)
        await running.idle()

    assert [event.reason for event in running.events if isinstance(event, ExchangeStopped)] == [Stop.CLIENT_LEFT]


async def test_a_context_variable_that_a_resolver_sets_is_not_seen_by_the_next_request(edge):
    variable = contextvars.ContextVar("variable", default=0)
    seen = []

    async def behave(asked, ingress):
        seen.append(variable.get())
        variable.set(1)
        return Answer({"data": {"__typename": "Query"}}, kind="query")

    async with edge(behave) as running:
        await ask(running, *[request()] * 5)

    assert seen == [0] * 5


async def test_what_is_waited_for_after_all_goes_on_in_the_context_it_began_in(edge):
    variable = contextvars.ContextVar("variable", default=0)
    wait, seen = False, []

    async def behave(asked, ingress):
        variable.set(len(seen) + 1)
        if wait:
            await asyncio.sleep(0)
        seen.append(variable.get())
        return Answer({"data": {"__typename": "Query"}}, kind="query")

    async with edge(behave) as running:
        await ask(running, *[request()] * 3)
        wait = True
        await ask(running, *[request()] * 2)

    assert seen == [1, 2, 3, 4, 5]


async def test_a_fault_of_ours_is_answered_as_any(edge):
    class Admission:
        asked = 0

        def knock(self, arrival):
            return None

        def enter(self, arrival, principal, asked):
            self.asked += 1
            if self.asked == 4:
                raise RuntimeError("a mistake")

    async with edge(admission=Admission()) as running:
        answers = await ask(running, *[request()] * 4)
        again = await ask(running, request())

    assert [answer[9:12] for answer in answers + again] == [b"200", b"200", b"200", b"500", b"200"]


async def test_dl11_a_client_that_grants_too_little_is_not_refused_all_service(edge):
    async with edge() as running:
        answers = await ask(running, *[request(fields=b"x-request-timeout-ms: 1\r\n")] * 20)

    refused = [answer for answer in answers if b"DEADLINE_EXCEEDED" in answer]
    assert len(refused) <= 4
    assert len(running.engine.ingresses) == 20 - len(refused)
    assert all(ingress.deadline.remaining() > 1 for ingress in running.engine.ingresses)


async def test_mutations_are_not_remembered(edge):
    """Their variables are secrets more often, and they do not come twice."""

    async def behave(asked, ingress):
        return Answer({"data": {"pay": True}}, kind="mutation")

    async with edge(behave) as running:
        await ask(running, *[request("mutation { pay }")] * 4)
        assert memory(running).of(request("mutation { pay }")).judgement is None


async def test_refused_requests_are_judged_each_time(edge):
    async with edge() as running:
        answers = await ask(running, *[request(fields=b"accept: image/png\r\nx: %d\r\n" % 1)] * 1)
        assert answers[0].startswith(b"HTTP/1.1 406")
        typed = request().replace(b"application/json", b"text/plain")
        for _ in range(3):
            assert (await running.raw(typed)).startswith(b"HTTP/1.1 415")

    assert not running.engine.requests


@pytest.mark.parametrize(
    "one",
    [
        request(path=b"/auth/login"),
        request(path=b"/graphql/x"),
        request(method=b"PUT"),
        request(fields=b"connection: close\r\n"),
        request(fields=b"expect: 100-continue\r\n"),
        request(fields=b"x: %b\r\n" % (b"x" * LONGEST)),
        request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        request(fields=b"connection: upgrade\r\nupgrade: h2c\r\n"),
        request() + b"GET",
        request() * 2,
    ],
    ids=["login", "below", "PUT", "close", "expect", "long", "HTTP/1.0", "upgrade", "more", "two"],
)
async def test_only_whole_plain_requests_to_the_endpoint_are_remembered(edge, one):
    async with edge() as running:
        for _ in range(3):
            async with running.socket() as (reader, writer):
                writer.write(one)
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)

        assert memory(running).of(one) is None


async def test_a_request_in_the_middle_of_another_is_no_request(edge):
    """Smuggled bytes stay what they are: the body of the request they came in."""
    inner = request()
    outer = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    async with edge() as running:
        await ask(running, inner, inner, inner)
        async with running.socket() as (reader, writer):
            writer.write(outer % len(inner))
            await running.busy()
            writer.write(inner)
            answer = await whole(reader)

    assert answer.startswith(b"HTTP/1.1 400"), "the inner request is no JSON"
    assert len(running.engine.requests) == 3


async def test_known_requests_in_one_packet_are_answered_in_their_order(edge):
    async def behave(asked, ingress):
        if "slow" in asked.query:
            await asyncio.sleep(0.01)
        return Answer({"data": {"asked": asked.query}}, kind="query")

    slow, fast = request("{ slow }"), request("{ fast }")
    async with edge(behave) as running:
        await ask(running, slow, fast, slow, fast, slow, fast)
        async with running.socket() as (reader, writer):
            writer.write(slow)
            await running.busy()
            writer.write(fast)
            answers = [await whole(reader), await whole(reader)]

    assert [b"slow" in answer for answer in answers] == [True, False]


async def test_variables_are_not_shared_between_executions(edge):
    body = b'{"query": "query($a: Int) { a }", "variables": {"a": 1}}'
    one = request().partition(b"content-length")[0] + b"content-length: %d\r\n\r\n%b" % (len(body), body)

    async def behave(asked, ingress):
        assert asked.variables == {"a": 1}
        asked.variables.clear()
        return Answer({"data": {"a": 1}}, kind="query")

    async with edge(behave) as running:
        answers = await ask(running, *[one] * 5)

    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)


async def test_who_asks_is_found_out_each_time(edge):
    class Authenticator:
        asked = 0

        def identify(self, arrival):
            self.asked += 1
            assert arrival.peer == "127.0.0.1"
            if self.asked == 4:
                raise Refusal(Code.UNAUTHENTICATED, "The token has expired.")
            return later() if self.asked == 5 else principal

    async def later():
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        return principal

    principal = object()
    async with edge(authenticator=Authenticator()) as running:
        answers = await ask(running, *[request(fields=b"authorization: Bearer x\r\n")] * 6)

    assert [answer[9:12] for answer in answers] == [b"200", b"200", b"200", b"401", b"200", b"200"]
    assert all(ingress.principal is principal for ingress in running.engine.ingresses)


async def test_known_requests_are_let_in_each_time(edge):
    class Entry:
        left = 0

        def headers(self):
            return ((b"ratelimit", b"r=%d" % Entry.left),)

        def leave(self):
            Entry.left += 1

    class Admission:
        def knock(self, arrival):
            return None

        def enter(self, arrival, principal, asked):
            if Entry.left == 4:
                raise Refusal(Code.RATE_LIMITED, "Too often.", retry_after=3)
            return Entry()

    async with edge(admission=Admission()) as running:
        answers = await ask(running, *[request()] * 5)

    assert [re.findall(rb"ratelimit: (\S+)", answer) for answer in answers[:4]] == [
        [b"r=%d" % n] for n in range(4)
    ]
    assert answers[4].startswith(b"HTTP/1.1 429")
    assert b"retry-after: 3" in answers[4]


async def test_a_server_that_drains_says_goodbye_to_known_requests_too(edge):
    async with edge() as running, running.socket() as (reader, writer):
        for _ in range(3):
            writer.write(request())
            await whole(reader)
        running.server.announce_closing()
        writer.write(request())
        answer = await asyncio.wait_for(reader.read(-1), 10)

    assert b"connection: close" in answer


async def test_a_connection_with_known_requests_only_is_closed_when_it_is_idle(edge):
    async with edge() as running:
        running.server.config.timeout_keep_alive = 1
        await ask(running, request(), request())
        async with running.socket() as (reader, writer):
            for _ in range(3):
                writer.write(request())
                await whole(reader)
            assert await asyncio.wait_for(reader.read(-1), 10) == b""


async def test_a_connection_rests_between_requests_and_not_within_the_header_of_one(edge):
    async with edge() as running, running.socket() as (reader, writer):
        writer.write(request())
        await whole(reader)
        [connection] = [one for one in running.server.server_state.connections if one.cycle is not None]
        assert connection.resting
        writer.write(request()[:20])
        async with asyncio.timeout(10):
            while connection.resting:  # noqa: ASYNC110 - there is no event for what a server has read
                await asyncio.sleep(0.005)


async def test_another_endpoint_judges_for_itself(edge):
    """A new generation of policies has an endpoint of its own, behind the same server."""
    policies = [OperationsPolicy(), OperationsPolicy.model_validate({"limits": {"body": "10B"}})]
    async with edge() as running, edge(policy=policies[1]) as other:
        first = await ask(running, *[request()] * 3)
        known = memory(running).of(request())
        apps = [one.server.config.loaded_app for one in (running, other)]

        assert [app.at_once(known, ("127.0.0.1", 1), b"") is None for app in apps] == [False, True]
        assert first[2].startswith(b"HTTP/1.1 200")
        assert (await ask(other, request()))[0].startswith(b"HTTP/1.1 413")


async def test_big_answers_to_known_requests_are_whole(edge):
    text = "x" * 200_000

    async def behave(asked, ingress):
        return Answer({"data": {"text": text}}, kind="query")

    async with edge(behave) as running:
        answers = await ask(running, *[request()] * 4)

    assert all(answer.count(b"x") > 200_000 for answer in answers)


async def test_requests_arrive_the_same_however_they_are_cut(edge):
    """The law: what came before changes nothing about what an answer says."""
    pool = [request("{ a }"), request("{ b }"), request("{ a }", b"accept: application/json\r\n"), request("{")]

    async def behave(asked, ingress):
        if "b" in asked.query:
            await asyncio.sleep(0)
        return Answer({"data": {"asked": asked.query}}, kind="query")

    async with edge(behave) as running:
        expected = [plain(answer) for answer in await ask(running, *pool)]

        async def law(order, cuts):
            data = b"".join(pool[number] for number in order)
            places = sorted({int(cut * len(data)) for cut in cuts})
            async with running.socket() as (reader, writer):
                for start, end in zip([0, *places], [*places, len(data)], strict=True):
                    writer.write(data[start:end])
                    await asyncio.sleep(0)
                answers = [plain(await whole(reader)) for _ in order]
            assert answers == [expected[number] for number in order]

        loop = asyncio.get_running_loop()

        @settings(max_examples=60, deadline=None)
        @given(
            st.lists(st.integers(0, len(pool) - 1), min_size=1, max_size=6),
            st.lists(st.floats(0, 0.999), max_size=6),
        )
        def hold(order, cuts):
            asyncio.run_coroutine_threadsafe(law(order, cuts), loop).result(30)

        await asyncio.to_thread(hold)


def test_memory_is_bounded_and_forgets_the_oldest_first():
    memory, scope = Memory(), {"path": "/graphql", "client": ("a", 1)}
    for number in range(600):
        data = b"%d" % number
        assert memory.note(data, scope, b"") is None
        assert memory.note(data, scope, b"").scope == {"path": "/graphql"}

    assert [memory.of(b"%d" % number) is None for number in (0, 87, 88, 599)] == [True, True, False, False]
