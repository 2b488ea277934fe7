"""An endpoint is the atom: one typed thing that a service offers.

Resolvers call it, the executor batches it, policies configure it, tests fake it, tools print it. It is a constant,
made at import time; everything that lives (connections, loaders, time) comes with the `Context` of a call.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import msgspec
from typing_extensions import TypeForm

from bff.context import Context, Noted, Operation
from bff.upstream.client import SAFE_METHODS
from bff.upstream.decode import decoder_of
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Note, Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline import Call
from bff.upstream.pipeline.call import UNDECODED, Split
from bff.upstream.shared import Shared
from bff.upstream.template import Template

if TYPE_CHECKING:
    from bff.upstream.declare import Upstream

T = TypeVar("T")
V = TypeVar("V")

NO_HEADERS: Mapping[str, str] = {}


class UndeclaredCall(Exception):
    """A resolver called an endpoint that it does not list in `calls=`."""

    def __init__(self, endpoint: "Endpoint[Any]", resolver: str) -> None:
        who = resolver or "a resolver"
        super().__init__(
            f"{who} calls {endpoint} without declaring it: write @resolver(calls=[{endpoint}]) or "
            f"@batched(calls=[{endpoint}]) on it, and use the context it receives"
        )


class NotAContext(TypeError):
    """An endpoint was called with something else than the context of a running operation."""

    def __init__(self, endpoint: "Endpoint[Any]", given: object) -> None:
        super().__init__(
            f"{endpoint} was called with {type(given).__name__} instead of a Context: pass on the `context` that "
            "the resolver receives (in an ordinary Strawberry resolver: `info.context`)"
        )


class Endpoint(Generic[T]):
    """What all endpoints share: a name, a method, a target, and the refusal of undeclared calls.

    Attributes:
        upstream: The service it belongs to.
        method: HTTP method.
        template: Path and query arguments, RFC 6570.
        safe: Whether a call may be sent twice.
        cacheable: Whether its answers may be kept: a GET, or a query that travels in a POST (CA-1).
    """

    def __init__(
        self, upstream: "Upstream", method: str, template: str, *, idempotent: bool | None, name: str | None
    ) -> None:
        self.upstream = upstream
        self.method = method
        self.template = Template(template)
        self.safe = method in SAFE_METHODS if idempotent is None else idempotent
        self.cacheable = method == "GET"
        self._name = name
        self._bare = None if self.template.path else self.template.expand({})

    @property
    def name(self) -> str:
        """The module variable it is assigned to, or the name it was given."""
        if self._name is None:
            self._name = self.upstream.name_of(self)
        return self._name or f"{self.method} {self.template.text}"

    def __str__(self) -> str:
        """Return the endpoint as code writes it, such as `catalog.dishes`."""
        return f"{self.upstream.name}.{self.name}"

    def __repr__(self) -> str:
        """Return what a reader of a log needs."""
        return f"<{self} {self.method} {self.template.text}>"

    def admit(self, context: Context) -> Operation:
        """Return the operation of *context*, if its resolver declared this endpoint.

        Raises:
            NotAContext: It is something else.
            UndeclaredCall: It was not declared.
        """
        if not isinstance(context, Context):
            raise NotAContext(self, context)
        if self not in context.calls:
            raise UndeclaredCall(self, context.resolver)
        return context.operation

    def target(self, arguments: Mapping[str, object]) -> str:
        """Return path and query with *arguments*.

        Raises:
            TypeError: They are not those that the template names.
        """
        if not arguments and self._bare is not None:
            return self._bare
        return self.template.expand(arguments)

    async def fetch(self, operation: Operation, call: Call) -> Any:
        """Return what *call* makes of the service's response to it, as `Carried` where there is something to say.

        The call itself decodes, so that an unusable payload counts as a failure of the attempt (CB-10).

        Raises:
            UpstreamError: There is no usable answer; it names this endpoint.
        """
        response = await operation.upstreams[call.upstream].send(call, operation)
        operation.use(response.keeping)
        if call.value is not UNDECODED and response.note is None:
            return call.value
        assert call.decode is not None
        try:
            value = call.decode(response)
            return Carried(value, response.note) if response.note else value
        except UpstreamError as error:
            raise self.named(error) from error.__cause__

    def call(
        self,
        operation: Operation,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        decode: Callable[[Response], Any] | None = None,
        *,
        split: Split | None = None,
        alternate: Callable[[Call], Awaitable[Response]] | None = None,
        keepable: Callable[[Response], bool] | None = None,
    ) -> Call:
        """Return the call that sends these parts on behalf of *operation*."""
        sent = {"accept": "application/json"}
        if headers:
            sent.update(headers)
        if body is not None:
            sent["content-type"] = "application/json"
        return Call(
            upstream=self.upstream.name,
            endpoint=self._name or self.name,
            method=self.method,
            target=target,
            headers=sent,
            body=body,
            safe=self.safe,
            request_id=operation.request_id,
            deadline=operation.deadline.at,
            decode=decode,
            cacheable=self.cacheable,
            split=split,
            alternate=alternate,
            keepable=keepable,
        )

    def named(self, error: UpstreamError) -> UpstreamError:
        """Return *error* with the names of upstream and endpoint."""
        error.upstream, error.endpoint = self.upstream.name, self.name
        return error


class Carried(Generic[V]):
    """A value on its way through a loader, with what there is to say about it."""

    __slots__ = ("note", "value")

    def __init__(self, value: V, note: Note) -> None:
        self.value = value
        self.note = note


class Single(Endpoint[T]):
    """One request, one value. Equal GETs of one operation are one call.

    Attributes:
        otherwise: Another endpoint that gives the same for the same arguments, asked when this one fails.
        headers: Names of the header fields that callers may give, in lower case.
    """

    def __init__(
        self,
        upstream: "Upstream",
        method: str,
        template: str,
        returns: TypeForm[T],
        *,
        body: type | None = None,
        headers: Sequence[str] = (),
        idempotent: bool | None = None,
        otherwise: "Single[T] | None" = None,
        name: str | None = None,
    ) -> None:
        super().__init__(upstream, method, template, idempotent=idempotent, name=name)
        self.otherwise = otherwise
        self._decode = decoder_of(returns)
        self._body = body
        self.headers = frozenset(header.lower() for header in headers)

    async def __call__(
        self,
        context: Context,
        body: Any = None,
        /,
        *,
        headers: Mapping[str, str] | None = None,
        **arguments: object,
    ) -> T:
        """Call the service.

        Args:
            context: That of the resolver.
            body: A value of the declared body type, or an object with its attributes, such as a Strawberry input.
            headers: Values of declared headers; None values are left out.
            arguments: What the template names.

        Raises:
            UpstreamError: There is no usable answer.
            TypeError: Body, headers or arguments are not those declared.
        """
        operation = self.admit(context)
        target = self.target(arguments)
        sent = self._declared_headers(headers) if headers else NO_HEADERS
        if self.method != "GET":
            return noting(context, await self._send(operation, target, sent, self._encode(body)))
        other = self.otherwise.target(arguments) if self.otherwise else None
        key = (self, target, tuple(sorted(sent.items())) if sent else (), other)
        shared: Shared[T | Carried[T]] | None = operation.loaders.get(key)
        if shared is None:
            shared = Shared(operation.loaders, key, self, self._send, operation, target, sent, None, other)
        value = await shared.value()
        return noting(context, value) if isinstance(value, Carried) else value

    def _send(
        self,
        operation: Operation,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        other: str | None = None,
    ) -> Awaitable[T | Carried[T]]:
        alternate = self._alternate(operation, other) if other is not None else None
        call = self.call(operation, target, headers, body, self._decode, alternate=alternate)
        answer = self.fetch(operation, call)
        return self._unless_absent(answer) if self._decode.optional else answer

    async def _unless_absent(self, answer: Awaitable[T | Carried[T]]) -> T | Carried[T]:
        try:
            return await answer
        except UpstreamError as error:
            if error.outcome is Outcome.NOT_FOUND:
                return cast("T", self._decode.nothing())
            raise

    def _alternate(self, operation: Operation, target: str) -> Callable[[Call], Awaitable[Response]]:
        other = self.otherwise
        assert other is not None

        async def ask(_: Call) -> Response:
            call = other.call(operation, target, NO_HEADERS, None, self._decode)
            return await operation.upstreams[other.upstream.name].send(call, operation)

        return ask

    def _encode(self, body: object) -> bytes | None:
        if self._body is None and body is None:
            return None
        if self._body is None:
            raise TypeError(f"{self} takes no body, not {type(body).__name__}")
        if not isinstance(body, self._body):
            body = self._converted(body, self._body)
        return msgspec.json.encode(body)

    def _converted(self, body: object, wanted: type) -> object:
        """Return *body* as *wanted*; another wire type is a mistake even where its attributes would fit."""
        try:
            return msgspec.convert(body, wanted, from_attributes=not isinstance(body, msgspec.Struct))
        except msgspec.ValidationError as error:
            raise TypeError(f"{self} takes {wanted.__name__}, not {type(body).__name__}: {error}") from error

    def _declared_headers(self, headers: Mapping[str, str | None]) -> dict[str, str]:
        if unknown := headers.keys() - self.headers:
            raise TypeError(f"{self} declares no header {min(unknown)!r}: add it to headers=(...)")
        return {name: value for name, value in headers.items() if value is not None}


def noting(context: Context, value: "V | Carried[V]") -> V:
    """Return *value* as resolvers want it, and what there is to say about it to *context*."""
    if not isinstance(value, Carried):
        return value
    context.noted.append(Noted(value.value, value.note))
    return value.value
