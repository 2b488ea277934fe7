"""Endpoints that answer many keys in one request."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from msgspec.structs import replace
from typing_extensions import TypeForm

from bff.context import Context, Noted, Operation
from bff.upstream.decode import BatchDecoder
from bff.upstream.endpoint import Carried, Endpoint
from bff.upstream.errors import UpstreamError
from bff.upstream.loader import Loader
from bff.upstream.message import Item, Note, Response
from bff.upstream.pipeline.call import UNDECODED, Call, Split
from bff.upstream.template import query_string, wire_text

if TYPE_CHECKING:
    from bff.upstream.declare import Upstream

T = TypeVar("T")
Key = str | int
Values = Sequence[T | Carried[Any] | None | Exception]
"""What each key gives, before its note is taken off."""


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
        unasked = {key for key in set(keys) if key is None or self._unsayable(key)}
        if unasked:
            found = iter(await loader.load_many([key for key in keys if key is not None and key not in unasked]))
            values: list[Any] = [None if key in unasked else next(found) for key in keys]
        else:
            values = await loader.load_many(cast("Sequence[Key]", keys))
        if Carried in set(map(type, values)):
            for place, value in enumerate(values):
                if type(value) is Carried:
                    context.noted.append(Noted(value.value, value.note, place, len(values)))
                    values[place] = value.value
        return cast("list[T | None | Exception]", values)

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

    def _loader_of(
        self, operation: Operation, arguments: dict[str, object]
    ) -> Loader[Key, T | Carried[Any] | None]:
        identity = (self, tuple(sorted((name, wire_text(value)) for name, value in arguments.items())))
        loader = operation.loaders.get(identity)
        if loader is None:

            async def fetch(keys: list[Key]) -> "Values[T]":
                found = await self._fetch(operation, keys, arguments)
                if isinstance(found, Carried):
                    return [_carried(value, found.note) for value in found.value]
                return found

            loader = Loader(fetch, name=str(self), max_keys=self.max_keys, identify=str)
            operation.loaders[identity] = loader
        return loader

    async def _fetch(
        self, operation: Operation, keys: list[Key], arguments: dict[str, object]
    ) -> "Values[T] | Carried[Values[T]]":
        raise NotImplementedError

    def _of_items(self, response: Response, keys: Sequence[Key], one: Callable[[bytes], T]) -> "Values[T]":
        """Return the values of a batch that was put together key by key."""
        items = response.items or {}
        return [_value(items.get(str(key)), one, self.named) for key in keys]


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
        otherwise: "Batch[T] | None" = None,
        name: str | None,
    ) -> None:
        super().__init__(upstream, "GET", template, max_keys=max_keys, name=name)
        self.ids = ids
        self.otherwise = otherwise
        self._decode: BatchDecoder[T] = BatchDecoder(returns, key)

    def _unsayable(self, key: Key) -> bool:
        # In a list joined with commas such a key would become none or two.
        return key == "" or "," in str(key)

    async def _fetch(
        self, operation: Operation, keys: list[Key], arguments: dict[str, object]
    ) -> "Values[T] | Carried[Values[T]]":
        base = self.template.expand(arguments)
        return await self.fetch(
            operation,
            self._target(base, keys),
            {},
            None,
            self._decode_for(keys),
            split=self._split(base, keys),
            alternate=self._alternate(operation, arguments) if self.otherwise else None,
        )

    def _target(self, base: str, keys: Sequence[Key]) -> str:
        return base + query_string([(self.ids, keys)]).replace("?", "&" if "?" in base else "?", 1)

    def _decode_for(self, keys: Sequence[Key]) -> "Callable[[Response], Values[T]]":
        def decode(response: Response) -> "Values[T]":
            if response.items is not None:
                return self._of_items(response, keys, self._decode.one)
            return self._decode(response, keys)

        return decode

    def _split(self, base: str, keys: Sequence[Key]) -> Split:
        def narrow(call: Call, fewer: tuple[str, ...]) -> Call:
            return replace(
                call,
                target=self._target(base, fewer),
                headers=dict(call.headers),
                decode=self._decode_for(fewer),
                split=self._split(base, fewer),
                value=UNDECODED,
            )

        return Split(tuple(map(str, keys)), base, None, narrow, self._decode.raws, _array)

    def _alternate(
        self, operation: Operation, arguments: dict[str, object]
    ) -> Callable[[Call], Awaitable[Response]]:
        other = self.otherwise
        assert other is not None

        async def ask(failed: Call) -> Response:
            assert failed.split is not None
            keys, base = failed.split.keys, other.template.expand(arguments)
            call = other.call(operation, other._target(base, keys), {}, None)  # noqa: SLF001 - of this class
            call.decode, call.split = other._decode_for(keys), other._split(base, keys)  # noqa: SLF001 - as above
            return await operation.upstreams[other.upstream.name].send(call, operation)

        return ask


def _array(items: Mapping[str, bytes]) -> bytes:
    return b"[" + b",".join(items.values()) + b"]"


def _carried(value: Any, note: Note) -> Any:
    return value if isinstance(value, Exception) else Carried(value, note)


def _value(
    item: Item | None, one: Callable[[bytes], T], named: Callable[[UpstreamError], UpstreamError]
) -> T | Carried[Any] | None | Exception:
    if item is None:
        return None
    if isinstance(item.value, Exception):
        return named(item.value.fresh()) if isinstance(item.value, UpstreamError) else item.value
    try:
        value = None if item.value is None else one(item.value)
    except UpstreamError as error:
        return named(error)
    return Carried(value, item.note) if item.note else value
