"""One execution for a crowd: equal queries under way at the same time are run once, each caller on its own terms.

Two callers are equal when they are equal in all that the execution looked at: document, operation, variables,
extensions, who asks, and each request header that anything has read. So nothing has to be configured to be safe.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from bff.context import ANONYMOUS, Operation, Principal
from bff.events import Notify, OperationShared
from bff.execution.kept import Kept, KeptAnswers, may_be_kept
from bff.execution.messages import Answer, GraphQLRequest, Ingress
from bff.policy.sharing import Sharing, SharingScope
from bff.upstream.cache.keys import NOISE

_CREDENTIALS: Final = ("authorization", "cookie")
_HABITS: Final = 1000
"""Documents of which is known what their execution looks at."""

_TRIES: Final = 2
"""How often a caller waits for somebody else's answer; what was in vain is known the second time."""

ALL: Final = "*"
"""Stands for all headers, where something went through them."""

Asker = Operation | Ingress
"""Who wants an answer: an operation, or a request of which is known already which operation it means."""

Work = Callable[[], Awaitable[Answer]]
"""Executes one operation."""


class ReadHeaders(Mapping[str, str]):
    """Request headers that remember which of them were looked at, also in vain."""

    __slots__ = ("_headers", "read")

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return self._headers[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of *name*, *default* where there is none."""
        self.read.add(name)
        return self._headers.get(name, default)

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str):
            self.read.add(name)
        return name in self._headers

    def __iter__(self) -> Iterator[str]:
        self.read.update(self._headers)
        self.read.add(ALL)
        return iter(self._headers)

    def __len__(self) -> int:
        self.read.add(ALL)
        return len(self._headers)


@dataclass(slots=True)
class _Habit:
    """What executions of one document did so far."""

    waits: bool = False
    keeps: bool = False
    personal: bool = False
    headers: tuple[str, ...] = ()


@dataclass(eq=False, slots=True)
class _Flight:
    """One execution under way, and those who wait for it.

    `equal` are the headers in which all of them are equal from the start.
    """

    key: object
    task: "asyncio.Task[Answer]"
    leader: Operation
    seen: ReadHeaders
    equal: frozenset[str]
    waiters: set["asyncio.Future[None]"]


class _Same(NamedTuple):
    """Where requests that are equal byte for byte find one another, while their *habit* looks at *headers*."""

    key: object
    habit: _Habit
    headers: tuple[str, ...]
    personal: bool
    principal: Principal
    name: str | None


class Crowd:
    """The queries under way in one engine, and which of them may be joined.

    Args:
        policy: Who may share.
        notify: Told of each query that was not executed because an equal one was.
        kept: Answers whose parts are all fresh still.
    """

    def __init__(self, policy: Sharing, notify: Notify, kept: KeptAnswers) -> None:
        self._policy = policy
        self._notify = notify
        self._kept = kept
        self._habits: OrderedDict[str, _Habit] = OrderedDict()
        self._flights: dict[object, _Flight] = {}
        self._same: dict[object, _Same] = {}

    def takes(self, operation: Operation) -> bool:
        """Return whether *operation* may share at all; a mutation never may."""
        return operation.kind == "query" and self._scope(operation) != "off"

    def before(self, ingress: Ingress) -> Answer | Awaitable[Answer | None] | None:
        """Return the answer to a request that came before byte for byte, without looking at what it asks.

        That is a kept one or, as soon as it is there, that of an execution under way; None where neither is.
        """
        same = self._same.get(ingress.same)
        if same is None:
            return None
        habit, principal = same.habit, ingress.principal
        if habit.headers is not same.headers or habit.personal is not same.personal:
            return None
        if principal is not same.principal and not _is_same_caller(principal, same.principal):
            return None
        if habit.keeps and (kept := self._kept.get(same.key)) is not None:
            return self._again(kept, ingress, same.name)
        flight = self._flights.get(same.key) if habit.waits else None
        return None if flight is None or not _suits(flight, ingress) else self._joined(flight, ingress)

    def _again(self, kept: Kept, asker: Asker, name: str | None) -> Answer:
        self._notify(OperationShared(asker.request_id, name, kept.request_id, self._kept.now() - kept.since))
        return kept.answer

    async def answer(
        self,
        request: GraphQLRequest,
        document: str,
        operation: Operation,
        work: Work,
        *,
        watched: bool = False,
        same: object | None = None,
    ) -> Answer:
        """Return the answer to *request*: of its own execution, of an equal one under way, or of one before.

        The execution survives callers that leave and ends with the last. Nobody waits beyond the own deadline: an
        execution that would end later is not joined, and one that its deadline cut short is not shared with
        callers who have time left.

        Args:
            request: What is asked.
            document: The hash of its document.
            operation: Its state; the headers in it are replaced by ones that remember what was read.
            work: Executes it.
            watched: Whether the caller wants to see it executed.
            same: As `Ingress.same`, where nothing need be done for this caller alone; see `before`.
        """
        habit = self._habits.get(document)
        if habit is None or not (habit.waits or habit.keeps):
            return await self._alone(document, habit, operation, work)
        self._habits.move_to_end(document)
        for _ in range(_TRIES):
            key = self._key(request, document, operation, habit)
            if key is None:
                break
            if same is not None:
                self._remember(
                    same,
                    _Same(key, habit, habit.headers, habit.personal, operation.principal, operation.name),
                )
            if habit.keeps and not watched and (kept := self._kept.get(key)) is not None:
                return self._again(kept, operation, operation.name)
            if not habit.waits:
                return await self._alone(document, habit, operation, work, key)
            flight = self._flights.get(key)
            if flight is None or not _suits(flight, operation):
                return await self._led(key, document, habit, operation, work)
            answer = await self._joined(flight, operation)
            if answer is not None:
                return answer
        return await work()

    def _remember(self, same: object, found: _Same) -> None:
        self._same[same] = found
        if len(self._same) > _HABITS:
            del self._same[next(iter(self._same))]

    def _scope(self, operation: Operation) -> SharingScope:
        return self._policy.operations.get(operation.name or "", self._policy.scope)

    def _key(self, request: GraphQLRequest, document: str, operation: Operation, habit: _Habit) -> object | None:
        """Return what callers must have in common to share from the start; None where that cannot be told."""
        if ALL in habit.headers:
            return None
        try:
            given = [request.variables, request.extensions, request.on_error]
            asked = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
        except TypeError:
            return None
        headers = operation.headers
        known = tuple([headers.get(name) for name in habit.headers])
        if self._scope(operation) == "public" and not habit.personal:
            return (document, request.operation_name, asked, known, operation.principal is ANONYMOUS)
        credentials = tuple([headers.get(name) for name in _CREDENTIALS])
        return (document, request.operation_name, asked, known, _identity(operation.principal), credentials)

    async def _alone(
        self,
        document: str,
        habit: _Habit | None,
        operation: Operation,
        work: Work,
        key: object | None = None,
    ) -> Answer:
        seen = operation.headers = ReadHeaders(operation.headers)
        equal = NOISE.union(habit.headers) if habit is not None else NOISE
        since, epoch = self._kept.now(), self._kept.epoch
        try:
            answer = await work()
        except BaseException:
            self._learn(document, habit, operation, seen, None)
            raise
        self._learn(document, habit, operation, seen, answer)
        if key is not None and not (operation.personal or seen.read - equal):
            self._kept.put(key, answer, operation.request_id, since=since, epoch=epoch)
        return answer

    def _learn(
        self,
        document: str,
        habit: _Habit | None,
        operation: Operation,
        seen: ReadHeaders,
        answer: Answer | None,
    ) -> None:
        if habit is None:
            habit = self._habits[document] = _Habit()
            while len(self._habits) > _HABITS:
                self._habits.popitem(last=False)
        habit.keeps = habit.keeps or (answer is not None and may_be_kept(answer))
        habit.waits = habit.waits or operation.waited
        habit.personal = habit.personal or operation.personal
        new = seen.read.difference(habit.headers, NOISE)
        if new:
            habit.headers = tuple(sorted({*habit.headers, *new}))

    async def _led(self, key: object, document: str, habit: _Habit, operation: Operation, work: Work) -> Answer:
        seen = operation.headers = ReadHeaders(operation.headers)
        task = asyncio.ensure_future(work())
        assert isinstance(task, asyncio.Task)
        flight = self._flights[key] = _Flight(key, task, operation, seen, NOISE.union(habit.headers), set())
        since, epoch = self._kept.now(), self._kept.epoch

        def ended(done: "asyncio.Task[Answer]") -> None:
            self._land(flight)
            for waiter in flight.waiters:
                if not waiter.done():
                    waiter.set_result(None)
            answer = None if done.cancelled() or done.exception() is not None else done.result()
            self._learn(document, habit, operation, seen, answer)
            if answer is not None and not (operation.personal or seen.read - flight.equal):
                self._kept.put(key, answer, operation.request_id, since=since, epoch=epoch)

        task.add_done_callback(ended)
        return await self._result(flight)

    async def _joined(self, flight: _Flight, asker: Asker) -> Answer | None:
        """Return the answer of *flight*, None where it turns out not to be *asker*'s."""
        try:
            answer = await self._result(flight)
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            return None
        leader = flight.leader
        if leader.expired and asker.deadline.remaining() > 0:
            return None
        if not _is_same(flight, asker):
            return None
        self._notify(OperationShared(asker.request_id, leader.name, leader.request_id))
        return answer

    def _land(self, flight: _Flight) -> None:
        """Let nobody join *flight* any more."""
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]

    async def _result(self, flight: _Flight) -> Answer:
        waiter = asyncio.get_running_loop().create_future()
        flight.waiters.add(waiter)
        try:
            await waiter
        finally:
            flight.waiters.discard(waiter)
            if not flight.waiters and not flight.task.done():
                self._land(flight)
                flight.task.cancel()
                await asyncio.wait([flight.task])
        return flight.task.result()


def _suits(flight: _Flight, asker: Asker) -> bool:
    """Return whether *asker* has the time to wait for *flight* to its end."""
    return not flight.task.done() and flight.leader.deadline.at <= asker.deadline.at


def _is_same(flight: _Flight, asker: Asker) -> bool:
    """Return whether *asker* is equal to the one whose operation was executed, in all that was looked at."""
    leader, read = flight.leader, flight.seen.read - flight.equal
    if leader.personal and not _is_same_caller(leader.principal, asker.principal):
        return False
    if not read:
        return True
    if ALL in read:
        return False
    asked, given = asker.headers, leader.headers
    return all(asked.get(name) == given.get(name) for name in read)


def _is_same_caller(one: Principal, other: Principal) -> bool:
    """Return whether nothing that the issuers say tells the two apart, how and when they logged in included."""
    return _identity(one) == _identity(other) and one.claims == other.claims


def _identity(principal: Principal) -> object:
    return (principal.issuer, principal.subject, principal.client, principal.tenant, principal.scopes)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
