"""Where an application says which services there are and what they offer."""

import sys
from collections.abc import Sequence
from typing import Any, TypeVar

from typing_extensions import TypeForm

from bff.upstream.batch import Batch
from bff.upstream.endpoint import Endpoint, Single
from bff.upstream.graphql import GraphQLBatch, GraphQLCall

T = TypeVar("T")


class Upstream:
    """One service and its endpoints; `policies/upstreams/NAME.yaml` says how it is called."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._module = sys._getframe(1).f_globals.get("__name__", "")  # noqa: SLF001 - endpoints find their names there

    def __repr__(self) -> str:
        """Return the constructor call."""
        return f"Upstream({self.name!r})"

    def get(
        self,
        template: str,
        *,
        returns: TypeForm[T],
        otherwise: Single[T] | None = None,
        name: str | None = None,
    ) -> Single[T]:
        """Declare a GET; *returns* with `| None` makes 404 and 410 a None instead of an error.

        *otherwise* is a GET of the same type and arguments that is asked when this one fails and nothing is kept.
        """
        return Single(self, "GET", template, returns, otherwise=otherwise, name=name)

    def post(
        self,
        template: str,
        *,
        returns: TypeForm[T],
        body: type | None = None,
        headers: Sequence[str] = (),
        idempotent: bool | None = None,
        name: str | None = None,
    ) -> Single[T]:
        """Declare a POST with a *body* of this type; `idempotent=True` says that it may be sent twice."""
        return Single(
            self, "POST", template, returns, body=body, headers=headers, idempotent=idempotent, name=name
        )

    def put(
        self,
        template: str,
        *,
        returns: TypeForm[T],
        body: type | None = None,
        headers: Sequence[str] = (),
        idempotent: bool | None = None,
        name: str | None = None,
    ) -> Single[T]:
        """Declare a PUT."""
        return Single(self, "PUT", template, returns, body=body, headers=headers, idempotent=idempotent, name=name)

    def patch(
        self,
        template: str,
        *,
        returns: TypeForm[T],
        body: type | None = None,
        headers: Sequence[str] = (),
        idempotent: bool | None = None,
        name: str | None = None,
    ) -> Single[T]:
        """Declare a PATCH."""
        return Single(
            self, "PATCH", template, returns, body=body, headers=headers, idempotent=idempotent, name=name
        )

    def delete(
        self, template: str, *, returns: TypeForm[T], headers: Sequence[str] = (), name: str | None = None
    ) -> Single[T]:
        """Declare a DELETE."""
        return Single(self, "DELETE", template, returns, headers=headers, name=name)

    def batch(
        self,
        template: str,
        *,
        ids: str,
        returns: TypeForm[list[T]],
        key: str,
        max_keys: int = 100,
        otherwise: Batch[T] | None = None,
        name: str | None = None,
    ) -> Batch[T]:
        """Declare a GET that answers many keys at once.

        Args:
            template: Path, and the further query arguments it takes.
            ids: Query parameter that takes the keys, joined with commas.
            returns: A list of structs, in any order, without those that do not exist.
            key: The struct's attribute that holds the key.
            max_keys: The service's own maximum; longer batches are split.
            otherwise: A batch of the same type that is asked when this one fails and nothing is kept.
            name: Name of the endpoint; that of the module variable when absent.
        """
        return Batch(self, template, returns, ids=ids, key=key, max_keys=max_keys, otherwise=otherwise, name=name)

    def query(
        self, document: str, *, at: str, returns: TypeForm[T], path: str = "/graphql", name: str | None = None
    ) -> GraphQLCall[T]:
        """Declare a query; *at* is where in the `data` of the answer the value stands, such as `viewer.cart`."""
        return GraphQLCall(self, document, returns, at=at, path=path, idempotent=True, name=name)

    def mutation(
        self, document: str, *, at: str, returns: TypeForm[T], path: str = "/graphql", name: str | None = None
    ) -> GraphQLCall[T]:
        """Declare a mutation of a GraphQL service."""
        return GraphQLCall(self, document, returns, at=at, path=path, idempotent=False, name=name)

    def batch_query(
        self,
        document: str,
        *,
        ids: str,
        at: str,
        returns: TypeForm[list[T]],
        key: str,
        max_keys: int = 100,
        path: str = "/graphql",
        name: str | None = None,
    ) -> GraphQLBatch[T]:
        """Declare a query that answers many keys at once; *ids* is the variable that takes them."""
        return GraphQLBatch(
            self, document, returns, ids=ids, at=at, key=key, max_keys=max_keys, path=path, name=name
        )

    def endpoints(self) -> dict[str, Endpoint[Any]]:
        """Return the endpoints that stand in the module which declares this upstream, by their names."""
        module = sys.modules.get(self._module)
        found = [value for value in vars(module).values() if isinstance(value, Endpoint)] if module else []
        return {endpoint.name: endpoint for endpoint in found if endpoint.upstream is self}

    def name_of(self, endpoint: Endpoint[Any]) -> str | None:
        """Return the module variable that holds *endpoint*, None when there is none."""
        module = sys.modules.get(self._module)
        return next((name for name, value in vars(module).items() if value is endpoint), None) if module else None
