"""Documents: parsed, counted and validated once, then kept by the hash of their text (PY-16)."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoFragmentCyclesRule,
    OperationDefinitionNode,
    parse,
    validate,
)
from graphql.validation import ASTValidationRule, OverlappingFieldsCanBeMergedRule, specified_rules
from graphql.validation.validate import ValidationAbortedError

from bff.clock import Clock
from bff.codes import Code
from bff.execution.cost.charge import Costs, OperationCost
from bff.execution.cost.collect import TooComplex
from bff.execution.limits import LimitExceeded, Measures, measure
from bff.policy.model import OperationsPolicy

THREAD_ABOVE = 16 * 1024
"""Characters above which a document is worked on in a thread, so that it does not hold up the loop (F12)."""

_UNITS_PER_PAIR = 4
"""What comparing two fields costs at most in graphql-core's own count: names, arguments and types."""


class Refused(Exception):
    """A request is not executed; `errors` say why, in the words of GraphQL."""

    def __init__(self, code: Code, errors: Sequence[GraphQLError]) -> None:
        super().__init__(f"{code}: {errors[0].message}")
        self.code = code
        self.errors = list(errors)


def refused(code: Code, message: str) -> Refused:
    """Return the refusal that says *message*."""
    return Refused(code, [GraphQLError(message)])


@dataclass(frozen=True, slots=True)
class Document:
    """One document that may be executed.

    Attributes:
        hash: SHA-256 of its text, in hexadecimal.
        node: Its syntax tree.
        operations: Its operations; the name is None for one without.
        measures: What was counted.
        costs: What its operations cost, by name; empty where nothing is estimated.
    """

    hash: str
    node: DocumentNode
    operations: dict[str | None, OperationDefinitionNode]
    measures: Measures
    costs: Mapping[str | None, OperationCost] = field(default_factory=dict)

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """Return the operation that *name* means, or the only one when there is no name.

        Raises:
            Refused: There is none such, or more than one.
        """
        if name is None:
            if len(self.operations) == 1:
                return next(iter(self.operations.values()))
            raise refused(
                Code.OPERATION_RESOLUTION_FAILURE,
                "The document has several operations: operationName must name one of them."
                if self.operations
                else "The document has no operation.",
            )
        found = self.operations.get(name)
        if found is None:
            raise refused(Code.OPERATION_RESOLUTION_FAILURE, f"The document has no operation named {name!r}.")
        return found


class Documents:
    """Gives out documents by their text; owns the one thread that works on big ones.

    A thread cannot be stopped, so the counted limits bound the work itself; `validation_time` only bounds how long
    somebody waits for it. Refusals are kept like documents, so that a client which repeats one costs nothing.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        policy: OperationsPolicy,
        *,
        clock: Clock,
        rules: Collection[type[ASTValidationRule]] = specified_rules,
        costs: Costs | None = None,
        registered: int = 0,
    ) -> None:
        self._schema = schema
        self._policy = policy
        self._clock = clock
        self._rules = bounded(rules, policy.limits.merge_pairs * _UNITS_PER_PAIR)
        self.costs = costs
        """What operations cost; None where nothing is estimated."""
        self._room = policy.document_cache + registered
        self._kept: OrderedDict[str, Document | Refused] = OrderedDict()
        self._by_text: dict[str, str] = {}
        self._flights: dict[str, asyncio.Future[Document | Refused]] = {}
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="documents")

    def __len__(self) -> int:
        return len(self._kept)

    def ready(self, text: str, key: str | None) -> Document | None:
        """Return what `get` would, if it is there and good; None otherwise."""
        key = key or self._by_text.get(text)
        found = self._kept.get(key) if key is not None else None
        if found is None or isinstance(found, Refused):
            return None
        self._kept.move_to_end(key)  # type: ignore[arg-type]  # nothing is kept under None
        return found

    async def get(self, text: str, key: str | None = None) -> Document:
        """Return the document with this *text*; *key* is its SHA-256 in hexadecimal, where that is known.

        Raises:
            Refused: It does not parse, is over a limit, does not fit the schema, or took longer than
                `validation_time` (it is kept when it is done, so that asking again may succeed).
        """
        key = key or self._by_text.get(text)
        found = self._kept.get(key) if key is not None else None
        if found is None or key is None:
            found = await self._find(text)
        else:
            self._kept.move_to_end(key)
        if isinstance(found, Refused):
            raise Refused(found.code, found.errors)
        return found

    async def _find(self, text: str) -> Document | Refused:
        key = _key(text)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        elif len(text) <= THREAD_ABOVE or len(text) > self._policy.limits.document:
            found = self._prepare(key, text)
            self._keep(key, found)
        else:
            found = await self._wait(self._flights.get(key) or self._fly(key, text))
        if key in self._kept and len(text) <= THREAD_ABOVE:
            if len(self._by_text) >= self._policy.document_cache:
                self._by_text.clear()
            self._by_text[text] = key
        return found

    def judge(self, text: str) -> Document | Refused:
        """Return the document with this *text*, or why it cannot be run, at once and without keeping it."""
        return self._prepare(_key(text), text)

    async def prepare(self, text: str) -> Document:
        """Return the document with this *text*, got ready in the thread however long that takes.

        Raises:
            Refused: It cannot be run.
        """
        key = _key(text)
        found = self._kept.get(key)
        if found is None:
            found = await asyncio.shield(self._flights.get(key) or self._fly(key, text))
        if isinstance(found, Refused):
            raise Refused(found.code, found.errors)
        return found

    def close(self) -> None:
        """Let the thread finish the document it is working on, and forget those that wait."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _fly(self, key: str, text: str) -> "asyncio.Future[Document | Refused]":
        loop = asyncio.get_running_loop()
        flight = loop.run_in_executor(self._threads, self._prepare, key, text)
        self._flights[key] = flight

        def land(done: "asyncio.Future[Document | Refused]") -> None:
            del self._flights[key]
            if not done.cancelled() and done.exception() is None:
                self._keep(key, done.result())

        flight.add_done_callback(land)
        return flight

    async def _wait(self, flight: "asyncio.Future[Document | Refused]") -> Document | Refused:
        limit = self._policy.limits.validation_time.total_seconds()
        alarm = asyncio.ensure_future(self._clock.sleep(limit))
        try:
            either: set[asyncio.Future[Any]] = {flight, alarm}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
        if flight.done() and not flight.cancelled():
            return flight.result()
        return refused(
            Code.OPERATION_TOO_LARGE,
            f"The document takes longer to validate than the limit validation_time of {limit * 1000:g} ms.",
        )

    def _keep(self, key: str, found: Document | Refused) -> None:
        self._kept[key] = found
        self._kept.move_to_end(key)
        while len(self._kept) > self._room:
            self._kept.popitem(last=False)

    def _prepare(self, key: str, text: str) -> Document | Refused:
        try:
            return self._document(key, text)
        except Refused as error:
            return Refused(error.code, error.errors)

    def _document(self, key: str, text: str) -> Document:
        limits = self._policy.limits
        if len(text) > limits.document or len(text.encode("utf-8", "surrogatepass")) > limits.document:
            raise refused(Code.OPERATION_TOO_LARGE, str(LimitExceeded("document", limits.document)))
        node = self._parse(text)
        try:
            measures = measure(node, limits)
        except LimitExceeded as error:
            raise refused(Code.OPERATION_TOO_LARGE, str(error)) from None
        hidden = self._policy.introspection == "deny"
        if hidden and measures.introspects:
            raise refused(Code.INTROSPECTION_DISABLED, "Introspection is not allowed here.")
        rules = (NoFragmentCyclesRule,) if measures.cyclic else self._rules
        errors = validate(self._schema, node, rules, max_errors=limits.max_errors, hide_suggestions=hidden)
        if errors or measures.cyclic:
            if not errors or _ran_out(errors):
                raise refused(Code.OPERATION_TOO_LARGE, "The document is too complex to validate.")
            raise Refused(Code.GRAPHQL_VALIDATION_FAILED, errors)
        operations = {
            definition.name.value if definition.name else None: definition
            for definition in node.definitions
            if isinstance(definition, OperationDefinitionNode)
        }
        return Document(key, node, operations, measures, self._estimates(node, operations))

    def _estimates(
        self, node: DocumentNode, operations: Mapping[str | None, OperationDefinitionNode]
    ) -> dict[str | None, OperationCost]:
        if self.costs is None:
            return {}
        fragments = {one.name.value: one for one in node.definitions if isinstance(one, FragmentDefinitionNode)}
        try:
            made = {name: self.costs.compile(one, fragments) for name, one in operations.items()}
        except TooComplex:
            raise refused(Code.OPERATION_TOO_LARGE, "The document is too complex to estimate its cost.") from None
        return {name: cost for name, cost in made.items() if cost is not None}

    def _parse(self, text: str) -> DocumentNode:
        allowed = self._policy.limits.tokens
        try:
            return parse(text, max_tokens=allowed)
        except GraphQLSyntaxError as error:
            if f"contains more than {allowed} tokens" in error.message:
                raise refused(Code.OPERATION_TOO_LARGE, str(LimitExceeded("tokens", allowed))) from None
            raise Refused(Code.GRAPHQL_PARSE_FAILED, [error.with_traceback(None)]) from None


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _ran_out(errors: Sequence[GraphQLError]) -> bool:
    """Whether validation gave up, for another reason than having found enough errors."""
    last = errors[-1]
    return isinstance(last, ValidationAbortedError) and last.message == "Validation aborted."


def bounded(rules: Collection[type[ASTValidationRule]], units: int) -> tuple[type[ASTValidationRule], ...]:
    """Return *rules* with field merging limited to *units* of graphql-core's own count of its work."""

    class BoundedMerging(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: object) -> None:
            super().__init__(context)  # type: ignore[arg-type]  # the base class narrows it
            self.rule_context.remaining_complexity_budget = units

    return tuple(BoundedMerging if rule is OverlappingFieldsCanBeMergedRule else rule for rule in rules)
