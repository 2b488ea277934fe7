"""What all services share over HTTP: routes, problems, conditional requests, pages, batches, bearers.

A handler is a function from a request to a reply; a refusal is raised as `Problem`.
"""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from inspect import isawaitable
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from bff.clock import Clock
from bff.testing.http_message import Reply, Request
from bff.testing.routes import Routes
from upstreams.simulation.world.draw import number
from upstreams.simulation.world.ledger import USERS

if TYPE_CHECKING:
    from upstreams.simulation.tokens import Tokens

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

Handler = Callable[[Request], Reply | Awaitable[Reply]]

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 50

_BEARER: Final = re.compile(r"bearer +demo-(\S+)", re.IGNORECASE | re.ASCII)
_CURSOR: Final = re.compile(r"after:(-?[0-9]{1,9})", re.ASCII)


class Problem(Exception):
    """The request is refused; sent as problem+json (RFC 9457).

    Attributes:
        errors: What is wrong in which place, for 422: pairs of JSON pointer and detail.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.errors = errors
        self.headers = headers

    def reply(self) -> Reply:
        """Return the problem as it is sent."""
        errors = [{"pointer": pointer, "detail": detail} for pointer, detail in self.errors]
        extra = {"errors": errors} if errors else {}
        headers = (("cache-control", "no-store"), *self.headers)
        return Reply.problem(self.status, str(self), headers, **extra)


def invalid(pointer: str, detail: str) -> Problem:
    """Return the 422 problem that names one place."""
    return Problem(422, detail, errors=[(pointer, detail)])


@dataclass(frozen=True)
class Outside:
    """What a service gets from outside: time, and how quick it is.

    Attributes:
        latency: Seconds a request takes on average; drawn evenly from half to one and a half of it.
        tick: Seconds between two events of a stream.
        tokens: Reads real tokens; None takes `demo-<user id>` for one.
    """

    clock: Clock
    latency: float = 0.0
    tick: float = 1.0
    tokens: "Tokens | None" = None


class App:
    """One service: its routes, and what holds for each of its replies."""

    def __init__(
        self, name: str, cache_control: str, outside: Outside, *, for_others: frozenset[str] = frozenset()
    ) -> None:
        """Start with `/health` alone.

        Args:
            name: Of the service.
            cache_control: Sent with each answer to a GET.
            outside: Time, and whose tokens are good.
            for_others: Clients that may call in the name of the customer whom `x-subject` names.
        """
        self.name = name
        self._for_others = for_others
        self.routes = Routes()
        self._cache_control = cache_control
        self._outside = outside
        self._rng = Random(name)
        self.get("/health", lambda _: Reply.json({"status": "ok", "service": name}), slow=False)

    def get(self, template: str, handler: Handler, *, slow: bool = True) -> None:
        """Answer GET and HEAD, after the service's latency if *slow*."""

        async def answer(request: Request) -> Reply:
            return self._conditional(request, await self._answer(request, handler, slow=slow))

        self.routes.add("GET", template, answer)

    def post(self, template: str, handler: Handler) -> None:
        """Answer POST, after the service's latency."""

        async def answer(request: Request) -> Reply:
            return await self._answer(request, handler, slow=True)

        self.routes.add("POST", template, answer)

    async def _answer(self, request: Request, handler: Handler, *, slow: bool) -> Reply:
        if slow and self._outside.latency:
            await self._outside.clock.sleep(self._outside.latency * self._rng.uniform(0.5, 1.5))
        try:
            answer = handler(await self._translated(request))
            return await answer if isawaitable(answer) else answer
        except Problem as problem:
            return problem.reply()

    async def _translated(self, request: Request) -> Request:
        """Return *request* with a token that `bearer` reads in the place of a real one that is good, else none."""
        tokens, sent = self._outside.tokens, request.headers.get("authorization")
        if tokens is None or sent is None:
            return request
        claims = await tokens.read(sent)
        kept = {name: value for name, value in request.headers.items() if name != "authorization"}
        if claims is None:
            return replace(request, headers=kept)
        subject = claims["sub"]
        if claims["client_id"] in self._for_others and subject == claims["client_id"]:
            subject = request.headers.get("x-subject", "")
        return replace(request, headers={**kept, "authorization": f"Bearer demo-{subject}"})

    def _conditional(self, request: Request, reply: Reply) -> Reply:
        """Add validator and freshness to a good answer, or make it a 304 (RFC 9110, 13.1.2)."""
        if reply.status != HTTPStatus.OK or not isinstance(reply.body, bytes):
            return reply
        etag = f'"{hashlib.blake2b(reply.body, digest_size=12).hexdigest()}"'
        validators = (("etag", etag), ("cache-control", self._cache_control))
        if _matches(request.headers.get("if-none-match", ""), etag):
            return Reply(304, validators)
        return reply.with_headers(*validators)


def _matches(field: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in field.split(",")]
    return "*" in tags or etag in tags


def bearer(request: Request) -> int:
    """Return the number of the customer in whose name the call is made.

    Raises:
        Problem: 401, there is no token or it names nobody.
    """
    match = _BEARER.fullmatch(request.headers.get("authorization", "").strip())
    user = number(match[1], "u", USERS) if match else None
    if user is None:
        detail = "the token names no customer" if match else "send Authorization: Bearer and a token that is good"
        raise Problem(401, detail, headers=[("www-authenticate", 'Bearer realm="demo"')])
    return user


def keys(request: Request, name: str, most: int) -> list[str]:
    """Return the keys of a batch, each once.

    Raises:
        Problem: 422, there are none or more than *most*.
    """
    text = request.query.get(name)
    if text is None:
        raise invalid(f"#/{name}", f"the query needs {name}=a,b,c")
    found = [key.strip() for key in text.split(",") if key.strip()]
    if len(found) > most:
        raise invalid(f"#/{name}", f"{len(found)} keys, at most {most} are allowed")
    return list(dict.fromkeys(found))


def choice(request: Request, name: str, kind: type[E]) -> E | None:
    """Return the query's argument *name* as one of *kind*; None where it is left out.

    Raises:
        Problem: 422, it is none of them.
    """
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return kind(text)
    except ValueError as error:
        raise invalid(f"#/{name}", f"{text!r} is none of {', '.join(kind)}") from error


def page(request: Request, items: Sequence[T], key: Callable[[T], int], show: Callable[[T], Any]) -> Reply:
    """Return the page of *items* that the query's `limit` and `cursor` ask for.

    Args:
        request: Whose query is read.
        items: All there are, in the order of rising *key*.
        key: Where an item stands; a cursor names the key of the last item shown, so new items move nothing.
        show: Makes what is sent of one item.

    Raises:
        Problem: 422, limit or cursor is not valid.
    """
    limit, after = _limit(request), _cursor(request)
    rest = items if after is None else [item for item in items if key(item) > after]
    shown = rest[:limit]
    more = len(rest) > len(shown)
    cursor = urlsafe_b64encode(f"after:{key(shown[-1])}".encode()).decode().rstrip("=") if more else None
    return Reply.json({"items": [show(item) for item in shown], "nextCursor": cursor, "total": len(items)})


def _limit(request: Request) -> int:
    text = request.query.get("limit", str(DEFAULT_LIMIT))
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < len("1000") else 0
    if not 1 <= limit <= MAX_LIMIT:
        raise invalid("#/limit", f"limit {text[:20]!r} does not lie between 1 and {MAX_LIMIT}")
    return limit


def _cursor(request: Request) -> int | None:
    text = request.query.get("cursor")
    if text is None:
        return None
    try:
        plain = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        plain = ""
    match = _CURSOR.fullmatch(plain)
    if match is None:
        raise invalid("#/cursor", "the cursor is none of ours")
    return int(match[1])


def decode(request: Request, kind: type[T]) -> T:
    """Return the body as *kind*.

    Raises:
        Problem: 400, it is not JSON; 422, it has another shape.
    """
    try:
        return msgspec.json.decode(request.body, type=kind)
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at `$")
        raise invalid("#" + re.sub(r"\[(\d+)\]", r"/\1", path.rstrip("`")).replace(".", "/"), detail) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, f"the body is no JSON: {error}") from error
