"""Stands before the admin port: lets in whoever may, and writes down what they do."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from inspect import isawaitable
from typing import Final

from bff.console.access import Caller, by_place, by_scopes, is_safe, objection, wrong_host
from bff.context import ANONYMOUS, Principal
from bff.events import AdminAction, Notify
from bff.policy.console import ConsolePolicy
from bff.server.colleagues import KEY_HEADER, Colleagues
from bff.server.headers import Headers
from bff.server.ports import Arrival, ASGIApp, Authenticator, Message, Receive, Scope, Send
from bff.server.problem import send_problem
from bff.server.refusal import Refusal
from bff.telemetry.redaction import redact

API: Final = "/admin/"
PAGE: Final = "/console"
ME: Final = "/console/me"
"""Says who is asking and what they may, so that the page can explain itself to whoever may not look."""

_LONGEST: Final = 500
"""Characters of a request that the audit log keeps."""

_GOOD: Final = 400


class Lock:
    """What the guard goes by; it may change while the process runs.

    Args:
        policy: Who may look and act; None where no file says it.
        authenticator: Says who is calling; None where nobody looks at credentials.
    """

    def __init__(self, policy: ConsolePolicy | None, authenticator: Authenticator | None) -> None:
        self.policy = policy
        self.authenticator = authenticator


class Guard:
    """The admin port with a lock.

    Probes, `/metrics` and the page itself, which tells nothing, are open. Everything below `/admin` asks for the
    role `read`, or `act` for whatever is no GET, and each such action becomes an `AdminAction`. Workers of this
    host are known by their key.

    Args:
        app: The admin port.
        lock: Returns what is in force.
        colleagues: Know the key.
        development: Whether pages of this machine may act without a policy.
        notify: Hears of actions.
    """

    def __init__(
        self,
        app: ASGIApp,
        lock: Callable[[], Lock],
        *,
        colleagues: Colleagues,
        development: bool,
        notify: Notify,
    ) -> None:
        self._app = app
        self._lock = lock
        self._colleagues = colleagues
        self._development = development
        self._notify = notify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or say why not."""
        path: str = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith((API, PAGE)):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope["headers"])
        if self._colleagues.knows(headers.get(KEY_HEADER)):
            await self._app(scope, receive, send)
            return
        policy = self._lock().policy
        problem = wrong_host(headers.get("host"), policy.hosts if policy else ())
        if problem is not None:
            await send_problem(send, HTTPStatus.MISDIRECTED_REQUEST, problem)
        elif path.startswith(API) or path == ME:
            await self._let_in(scope, receive, send, headers)
        else:
            await self._app(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        method = scope["method"]
        caller = await self._caller(scope, headers)
        scope.setdefault("state", {})["caller"] = caller
        if is_safe(method):
            if scope["path"] == ME or caller.role != "none":
                await self._app(scope, receive, send)
            else:
                await _refuse(send, caller)
            return
        audited = _Audited(receive, send)
        why = objection(method, headers)
        if caller.role != "act":
            await _refuse(audited.send, caller)
        elif why is not None:
            await send_problem(audited.send, HTTPStatus.FORBIDDEN, why)
        else:
            try:
                await self._app(scope, audited.receive, audited.send)
            finally:
                self._tell(scope, caller, audited)
            return
        self._tell(scope, caller, audited)

    async def _caller(self, scope: Scope, headers: Headers) -> Caller:
        lock, peer = self._lock(), _peer(scope)
        why = objection("GET", headers)
        if why is not None:
            return Caller("", "none", why)
        if lock.policy is None:
            return by_place(peer, headers, development=self._development)
        if lock.authenticator is None:
            return Caller("", "none", "No policies/auth.yaml says whose scopes are believed.")
        query: bytes = scope.get("query_string", b"")
        arrival = Arrival(scope["method"], scope["path"], headers, peer, "admin", query)
        try:
            found: Principal | Awaitable[Principal] = lock.authenticator.identify(arrival)
            principal = await found if isawaitable(found) else found
        except Refusal as refused:
            return Caller("", "none", refused.message, means="credentials")
        if principal == ANONYMOUS:
            return Caller("", "none", "Sign in, or send an access token.", means="credentials")
        return by_scopes(lock.policy, principal)

    def _tell(self, scope: Scope, caller: Caller, audited: "_Audited") -> None:
        status = audited.status
        refused = status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        path = scope["path"].removeprefix("/admin/api/")
        self._notify(
            AdminAction(
                caller.who or "nobody",
                path if scope["method"] == "POST" else f"{scope['method']} {path}",
                audited.text,
                _peer(scope) or "unknown",
                "done" if 0 < status < _GOOD else "refused" if refused else "failed",
                status,
            )
        )


class _Audited:
    """The body that comes in, as far as the log keeps it, and the status that goes out."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._body = b""
        self.status = 0

    @property
    def text(self) -> str:
        """The body on one line, without anybody's credentials."""
        text = redact(" ".join(self._body.decode("utf-8", "replace").split()))
        return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."

    async def receive(self) -> Message:
        """Pass on a message, and keep its beginning."""
        message = await self._receive()
        if len(self._body) <= _LONGEST:
            self._body += message.get("body", b"")[: _LONGEST + 1]
        return message

    async def send(self, message: Message) -> None:
        """Pass on a message, and note the status."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _peer(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


async def _refuse(send: Send, caller: Caller) -> None:
    unknown = caller.means == "credentials" and not caller.who
    if unknown:
        challenge = ((b"www-authenticate", b"Bearer"),)
        await send_problem(send, HTTPStatus.UNAUTHORIZED, caller.why, headers=challenge)
    else:
        await send_problem(send, HTTPStatus.FORBIDDEN, caller.why)
