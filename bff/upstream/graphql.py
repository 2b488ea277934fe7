"""Endpoints of services that speak GraphQL themselves."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from typing_extensions import TypeForm

from bff.context import Context, Operation
from bff.upstream.batch import Batching, Values, spread
from bff.upstream.decode import BatchDecoder, GraphQLDecoder
from bff.upstream.endpoint import Carried, Endpoint, noting
from bff.upstream.message import Response
from bff.upstream.pipeline.call import UNDECODED, Call, Split
from bff.upstream.waves import Key, Keys

if TYPE_CHECKING:
    from bff.upstream.declare import Upstream

T = TypeVar("T")

_HEADERS = {"accept": "application/graphql-response+json, application/json;q=0.9"}


class GraphQLCall(Endpoint[T]):
    """One operation of a GraphQL service; its variables are the arguments."""

    def __init__(
        self,
        upstream: "Upstream",
        document: str,
        returns: TypeForm[T],
        *,
        at: str,
        path: str,
        idempotent: bool,
        name: str | None,
    ) -> None:
        super().__init__(upstream, "POST", path, idempotent=idempotent, name=name)
        self.cacheable = idempotent
        self.document = document
        self._decode: GraphQLDecoder[T] = GraphQLDecoder(returns, at)

    async def __call__(self, context: Context, /, **variables: object) -> T:
        """Run the operation with *variables*.

        Raises:
            UpstreamError: There is no usable answer; errors of the service are among the causes.
        """
        operation = self.admit(context)
        call = post_of(self, operation, self.document, variables, self._decode, keepable=self._decode.whole)
        found: T | Carried[T] = await self.fetch(operation, call)
        return noting(context, found)


class GraphQLBatch(Batching[T]):
    """A query of a GraphQL service that takes many keys."""

    def __init__(
        self,
        upstream: "Upstream",
        document: str,
        returns: TypeForm[list[T]],
        *,
        ids: str,
        at: str,
        key: str,
        max_keys: int,
        path: str,
        name: str | None,
    ) -> None:
        super().__init__(upstream, "POST", path, max_keys=max_keys, name=name)
        self.cacheable = True
        self.document = document
        self.ids = ids
        self._decode: GraphQLDecoder[Any] = GraphQLDecoder(list[msgspec.Raw], at)
        self._match: BatchDecoder[T] = BatchDecoder(returns, key)

    async def _fetch(self, operation: Operation, arguments: dict[str, object], keys: Keys) -> Values[T]:
        call = post_of(
            self,
            operation,
            self.document,
            {**arguments, self.ids: list(keys.values())},
            self._decode_for(tuple(keys)),
            split=self._split(arguments, keys),
            keepable=self._decode.whole,
        )
        return spread(await self.fetch(operation, call))

    def _decode_for(self, texts: Sequence[str]) -> Callable[[Response], Values[T]]:
        def decode(response: Response) -> Values[T]:
            if response.items is not None:
                return self._of_items(response, texts, self._match.one)
            return self._match.match(self._decode(response), texts)

        return decode

    def _split(self, arguments: Mapping[str, object], keys: Keys) -> Split:
        def narrow(call: Call, fewer: tuple[str, ...]) -> Call:
            asked: dict[str, Key] = {text: keys[text] for text in fewer}
            narrowed = copy(call)
            narrowed.body = _body(self.document, {**arguments, self.ids: list(asked.values())})
            narrowed.headers = call.headers.copy()
            narrowed.decode = self._decode_for(fewer)
            narrowed.split = self._split(arguments, asked)
            narrowed.value = UNDECODED
            return narrowed

        def items(response: Response) -> dict[str, bytes]:
            return self._match.by_key(self._decode(response))

        return Split(tuple(keys), self.target({}), _body(self.document, dict(arguments)), narrow, items)


def post_of(
    endpoint: Endpoint[Any],
    operation: Operation,
    document: str,
    variables: Mapping[str, object],
    decode: Callable[[Response], Any],
    *,
    split: Split | None = None,
    keepable: Callable[[Response], bool] | None = None,
) -> Call:
    """Return the call that posts *document* to *endpoint*'s service."""
    body = _body(document, variables)
    return endpoint.call(operation, endpoint.target({}), _HEADERS, body, decode, split=split, keepable=keepable)


def _body(document: str, variables: Mapping[str, object]) -> bytes:
    return msgspec.json.encode({"query": document, "variables": variables})
