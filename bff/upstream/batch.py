"""Endpoints that answer many keys in one request."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import TypeForm

from bff.context import Context, Operation
from bff.upstream.decode import BatchDecoder
from bff.upstream.endpoint import Endpoint
from bff.upstream.loader import Loader
from bff.upstream.template import query_string, wire_text

if TYPE_CHECKING:
    from bff.upstream.declare import Upstream

T = TypeVar("T")
Key = str | int


class Batching(Endpoint[T]):
    """What answers many keys at once, by whatever request."""

    def __init__(
        self, upstream: "Upstream", method: str, template: str, *, max_keys: int, name: str | None
    ) -> None:
        super().__init__(upstream, method, template, idempotent=True, name=name)
        self.max_keys = max_keys

    async def many(
        self, context: Context, keys: Sequence[Key | None], **arguments: object
    ) -> list[T | None | Exception]:
        """Return for each of *keys* its value, None where there is none, or what went wrong for it.

        Keys that other resolvers ask for at the same moment travel in the same request. A None key costs nothing
        and gives None; so does a key that the request has no way to say.
        """
        loader = self._loader_of(self.admit(context), arguments)
        asked = [None if key is None or self._unsayable(key) else key for key in keys]
        found = iter(await loader.load_many([key for key in asked if key is not None]))
        return [None if key is None else next(found) for key in asked]

    def _unsayable(self, key: Key) -> bool:  # noqa: ARG002 - for those that send keys in a list
        return False

    async def one(self, context: Context, key: Key | None, **arguments: object) -> T | None:
        """Return the value of *key*, None where there is none.

        Raises:
            UpstreamError: The call failed for this key.
        """
        (value,) = await self.many(context, [key], **arguments)
        if isinstance(value, Exception):
            raise value
        return value

    def _loader_of(self, operation: Operation, arguments: dict[str, object]) -> Loader[Key, T | None]:
        identity = (self, tuple(sorted((name, wire_text(value)) for name, value in arguments.items())))
        loader = operation.loaders.get(identity)
        if loader is None:

            async def fetch(keys: list[Key]) -> Sequence[T | None | Exception]:
                return await self._fetch(operation, keys, arguments)

            loader = Loader(fetch, name=str(self), max_keys=self.max_keys, identify=str)
            operation.loaders[identity] = loader
        return loader

    async def _fetch(
        self, operation: Operation, keys: list[Key], arguments: dict[str, object]
    ) -> Sequence[T | None | Exception]:
        raise NotImplementedError


class Batch(Batching[T]):
    """A GET that takes many keys."""

    def __init__(
        self,
        upstream: "Upstream",
        template: str,
        returns: TypeForm[list[T]],
        *,
        ids: str,
        key: str,
        max_keys: int,
        name: str | None,
    ) -> None:
        super().__init__(upstream, "GET", template, max_keys=max_keys, name=name)
        self.ids = ids
        self._decode: BatchDecoder[T] = BatchDecoder(returns, key)

    def _unsayable(self, key: Key) -> bool:
        # In a list joined with commas such a key would become none or two.
        return key == "" or "," in str(key)

    async def _fetch(
        self, operation: Operation, keys: list[Key], arguments: dict[str, object]
    ) -> Sequence[T | None | Exception]:
        target = self.template.expand(arguments)
        target += query_string([(self.ids, keys)]).replace("?", "&" if "?" in target else "?", 1)
        return await self.fetch(operation, target, {}, None, lambda response: self._decode(response, keys))
