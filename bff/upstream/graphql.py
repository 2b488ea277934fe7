"""Endpoints of services that speak GraphQL themselves."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from typing_extensions import TypeForm

from bff.context import Context, Operation
from bff.upstream.batch import Batching, Key
from bff.upstream.decode import BatchDecoder, GraphQLDecoder
from bff.upstream.endpoint import Endpoint
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response

if TYPE_CHECKING:
    from bff.upstream.declare import Upstream

T = TypeVar("T")


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
        operation = self.admit(context)
        try:
            return self._decode(await post_document(self, operation, self.document, variables))
        except UpstreamError as error:
            raise self.named(error) from error.__cause__


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
        variables = {**arguments, self.ids: keys}
        try:
            items = self._decode(await post_document(self, operation, self.document, variables))
            return self._match.match(items, keys)
        except UpstreamError as error:
            raise self.named(error) from error.__cause__


async def post_document(
    endpoint: Endpoint[Any], operation: Operation, document: str, variables: Mapping[str, object]
) -> Response:
    """Return the response of *endpoint*'s service to *document*."""
    body = msgspec.json.encode({"query": document, "variables": variables})
    accept = {"accept": "application/graphql-response+json, application/json;q=0.9"}
    call = endpoint.call(operation, endpoint.template.expand({}), accept, body)
    return await operation.upstreams[endpoint.upstream.name].send(call, operation)
