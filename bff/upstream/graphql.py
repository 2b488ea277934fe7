"""Endpoints of services that speak GraphQL themselves."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from typing_extensions import TypeForm

from bff.context import Context, Operation
from bff.upstream.batch import Batching, Key
from bff.upstream.decode import BatchDecoder, GraphQLDecoder
from bff.upstream.endpoint import Endpoint
from bff.upstream.message import Response

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
        self.document = document
        self._decode: GraphQLDecoder[T] = GraphQLDecoder(returns, at)

    async def __call__(self, context: Context, /, **variables: object) -> T:
        """Run the operation with *variables*.

        Raises:
            UpstreamError: There is no usable answer; errors of the service are among the causes.
        """
        return await post_document(self, self.admit(context), self.document, variables, self._decode)


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
        self.document = document
        self.ids = ids
        self._decode: GraphQLDecoder[Any] = GraphQLDecoder(list[msgspec.Raw], at)
        self._match: BatchDecoder[T] = BatchDecoder(returns, key)

    async def _fetch(
        self, operation: Operation, keys: list[Key], arguments: dict[str, object]
    ) -> Sequence[T | None | Exception]:
        def decode(response: Response) -> Sequence[T | None | Exception]:
            return self._match.match(self._decode(response), keys)

        variables = {**arguments, self.ids: keys}
        return await post_document(self, operation, self.document, variables, decode)


async def post_document(
    endpoint: Endpoint[Any],
    operation: Operation,
    document: str,
    variables: Mapping[str, object],
    decode: Callable[[Response], V],
) -> V:
    """Return what *decode* makes of the response of *endpoint*'s service to *document*."""
    body = msgspec.json.encode({"query": document, "variables": variables})
    accept = {"accept": "application/graphql-response+json, application/json;q=0.9"}
    return await endpoint.fetch(operation, endpoint.template.expand({}), accept, body, decode)
