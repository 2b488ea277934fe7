"""Endpoints that answer many keys in one request."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote_plus

from typing_extensions import TypeForm

from bff.context import Context, Noted, Operation
from bff.upstream.decode import BatchDecoder
from bff.upstream.endpoint import NO_HEADERS, Carried, Endpoint
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Item, Note, Response
from bff.upstream.pipeline.call import UNDECODED, Call, Split
from bff.upstream.shared import own
from bff.upstream.template import wire_text
from bff.upstream.waves import Key, Keys, Waves, any_failed

if TYPE_CHECKING:
    from bff.upstream.declare import Upstream

T = TypeVar("T")
Values = Sequence[T | Carried[Any] | None | Exception]
"""What each key gives, before its note is taken off."""

_UNRESERVED = re.compile(r"[A-Za-z0-9_.~,-]*")
"""What stands in a query as it is; commas are between keys."""
_PLAIN = frozenset({str, int})


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
        waves = self._waves_of(self.admit(context), arguments)
        distinct = _distinct(keys)
        texts = list(map(str, distinct))
        if None in distinct or not self._sayable(texts):
            values = await self._some(waves, distinct, texts)
        else:
            values = await waves.load(distinct, texts)  # type: ignore[arg-type]  # None is not among them
        if distinct is not keys:
            values = _repeated(values, distinct, keys)
        if Carried in set(map(type, values)):
            for place, value in enumerate(values):
                if type(value) is Carried:
                    context.noted.append(Noted(value.value, value.note, place, len(values)))
                    values[place] = value.value
        return values

    async def _some(self, waves: Waves[Any], keys: Sequence[Key | None], texts: Sequence[str]) -> list[Any]:
        """Return the values of *keys*, of which not all can be asked for."""
        asked = [key is not None and self._sayable([text]) for key, text in zip(keys, texts, strict=True)]
        sayable = cast("list[Key]", list(compress(keys, asked)))
        found = iter(await waves.load(sayable, list(compress(texts, asked))))
        return [next(found) if one else None for one in asked]

    def _sayable(self, texts: Sequence[str]) -> bool:  # noqa: ARG002 - for those that send keys in a list
        """Return whether a request can ask for each of *texts*."""
        return True

    async def one(self, context: Context, key: Key | None, **arguments: object) -> T | None:
        """Return the value of *key*, None where there is none.

        Raises:
            UpstreamError: The call failed for this key.
        """
        (value,) = await self.many(context, [key], **arguments)
        if isinstance(value, Exception):
            raise value
        return value

    def _waves_of(self, operation: Operation, arguments: dict[str, object]) -> Waves[Any]:
        identity: object = self
        if arguments:
            identity = (self, tuple(sorted((name, wire_text(value)) for name, value in arguments.items())))
        waves: Waves[Any] | None = operation.loaders.get(identity)
        if waves is None:
            fetch = partial(self._fetch, operation, arguments)
            waves = operation.loaders[identity] = Waves(fetch, name=self, max_keys=self.max_keys)
        return waves

    async def _fetch(self, operation: Operation, arguments: dict[str, object], keys: Keys) -> "Values[T]":
        raise NotImplementedError

    def _of_items(self, response: Response, texts: Sequence[str], one: Callable[[bytes], T]) -> "Values[T]":
        """Return the values of a batch that was put together key by key."""
        items = response.items or {}
        return [_value(items.get(text), one, self.named) for text in texts]


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
        self._parameter = quote_plus(ids)
        self.otherwise = otherwise
        self._decode: BatchDecoder[T] = BatchDecoder(returns, key)

    def _sayable(self, texts: Sequence[str]) -> bool:
        # In a list joined with commas such a key would become none or two.
        return "" not in texts and "," not in "".join(texts)

    async def _fetch(self, operation: Operation, arguments: dict[str, object], keys: Keys) -> "Values[T]":
        base, texts = self.target(arguments), tuple(keys)
        plain = _PLAIN.issuperset(map(type, keys.values()))  # others have texts that are not those of the wire
        call = self.call(
            operation,
            self._with_keys(base, texts if plain else tuple(map(wire_text, keys.values()))),
            NO_HEADERS,
            None,
            self._decode_for(texts),
            split=self._split(base, texts),
            alternate=self._alternate(operation, arguments) if self.otherwise else None,
        )
        return spread(await self.fetch(operation, call))

    def _with_keys(self, base: str, texts: Sequence[str]) -> str:
        joined = ",".join(texts)
        if not _UNRESERVED.fullmatch(joined):
            joined = quote_plus(joined, safe=",")
        return f"{base}{'&' if '?' in base else '?'}{self._parameter}={joined}"

    def _decode_for(self, texts: Sequence[str]) -> "Callable[[Response], Values[T]]":
        def decode(response: Response) -> "Values[T]":
            if response.items is not None:
                return self._of_items(response, texts, self._decode.one)
            return self._decode(response, texts)

        return decode

    def _split(self, base: str, texts: tuple[str, ...]) -> Split:
        def narrow(call: Call, fewer: tuple[str, ...]) -> Call:
            narrowed = copy(call)
            narrowed.target = self._with_keys(base, fewer)
            narrowed.headers = call.headers.copy()
            narrowed.decode = self._decode_for(fewer)
            narrowed.split = self._split(base, fewer)
            narrowed.value = UNDECODED
            return narrowed

        return Split(texts, base, None, narrow, self._decode.raws, _array)

    def _alternate(
        self, operation: Operation, arguments: dict[str, object]
    ) -> Callable[[Call], Awaitable[Response]]:
        other = self.otherwise
        assert other is not None

        async def ask(failed: Call) -> Response:
            assert failed.split is not None
            texts, base = failed.split.keys, other.target(arguments)
            target, decode = other._with_keys(base, texts), other._decode_for(texts)  # noqa: SLF001 - of this class
            split = other._split(base, texts)  # noqa: SLF001 - as above
            call = other.call(operation, target, NO_HEADERS, None, decode, split=split)
            return await operation.upstreams[other.upstream.name].send(call, operation)

        return ask


def _distinct(keys: Sequence[Key | None]) -> Sequence[Key | None]:
    """Return each of *keys* once, or *keys* where nothing is gained or equal ones may differ, as 1 and True do."""
    once = list(dict.fromkeys(keys))
    return once if len(once) < len(keys) and len(set(map(type, keys))) == 1 else keys


def _repeated(values: Sequence[Any], distinct: Sequence[Key | None], keys: Sequence[Key | None]) -> list[Any]:
    """Return for each of *keys* its value of those of *distinct* keys; each place gets errors of its own."""
    found = dict(zip(distinct, values, strict=True))
    if any_failed(values):
        each = map(found.__getitem__, keys)
        return [own(value) if isinstance(value, Exception) else value for value in each]
    return list(map(found.__getitem__, keys))


def _array(items: Mapping[str, bytes]) -> bytes:
    return b"[" + b",".join(items.values()) + b"]"


def spread(found: "Values[T] | Carried[Values[T]]") -> "Values[T]":
    """Return the values of a batch, each with what there is to say about all of them."""
    if isinstance(found, Carried):
        return [_carried(value, found.note) for value in found.value]
    return found


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
