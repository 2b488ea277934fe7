"""Endpoints of services that speak GraphQL themselves."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec.structs import replace
from typing_extensions import TypeForm

from bff.context import Context, Operation
from bff.upstream.batch import Batching, Key, Values
from bff.upstream.decode import BatchDecoder, GraphQLDecoder
from bff.upstream.endpoint import Carried, Endpoint, noting
from bff.upstream.message import Response
from bff.upstream.pipeline.call import UNDECODED, Call, Split

if TYPE_CHECKING:
    from bff.upstream.declare import Upstream

T = TypeVar("T")
V = TypeVar("V")


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
        found = await post_document(
            self, operation, self.document, variables, self._decode, keepable=self._decode.whole
        )
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

    async def _fetch(
        self, operation: Operation, keys: list[Key], arguments: dict[str, object]
    ) -> Values[T] | Carried[Values[T]]:
        return await post_document(
            self,
            operation,
            self.document,
            {**arguments, self.ids: keys},
            self._decode_for(keys),
            split=self._split(arguments, keys),
            keepable=self._decode.whole,
        )

    def _decode_for(self, keys: Sequence[Key]) -> Callable[[Response], Values[T]]:
        def decode(response: Response) -> Values[T]:
            if response.items is not None:
                return self._of_items(response, keys, self._match.one)
            return self._match.match(self._decode(response), keys)

        return decode

    def _split(self, arguments: Mapping[str, object], keys: Sequence[Key]) -> Split:
        given = {str(key): key for key in keys}

        def narrow(call: Call, fewer: tuple[str, ...]) -> Call:
            asked = [given[key] for key in fewer]
            return replace(
                call,
                body=_body(self.document, {**arguments, self.ids: asked}),
                headers=dict(call.headers),
                decode=self._decode_for(asked),
                split=self._split(arguments, asked),
                value=UNDECODED,
            )

        def items(response: Response) -> dict[str, bytes]:
            return self._match.by_key(self._decode(response))

        return Split(tuple(given), self.template.expand({}), _body(self.document, dict(arguments)), narrow, items)


async def post_document(
    endpoint: Endpoint[Any],
    operation: Operation,
    document: str,
    variables: Mapping[str, object],
    decode: Callable[[Response], V],
    *,
    split: Split | None = None,
    keepable: Callable[[Response], bool] | None = None,
) -> V | Carried[V]:
    """Return what *decode* makes of the response of *endpoint*'s service to *document*."""
    return await endpoint.fetch(
        operation,
        endpoint.template.expand({}),
        {"accept": "application/graphql-response+json, application/json;q=0.9"},
        _body(document, variables),
        decode,
        split=split,
        keepable=keepable,
    )


def _body(document: str, variables: Mapping[str, object]) -> bytes:
    return msgspec.json.encode({"query": document, "variables": variables})
