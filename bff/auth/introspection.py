"""Opaque tokens: their issuer is asked, once for all who wait, and its answer is remembered (RFC 7662, IN-1)."""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote_plus

from bff.auth.claims import is_name, time_of
from bff.auth.fetch import FetchFailed, Web
from bff.auth.tokens import Verified, confirmation_of, principal_of
from bff.auth.verdicts import CannotJudge, Rejected
from bff.clock import Clock
from bff.events import IntrospectionFailed, Notify
from bff.policy.auth import Introspection
from bff.store.breaker import StoreBreaker

_FAILURES: Final = 5
_REST: Final = 2.0
_LONGEST_REST: Final = 30.0


@dataclass(slots=True)
class _Answer:
    """What the issuer said; `until` on the monotonic clock. Either *verified*, or *refused* says why not."""

    until: float
    verified: Verified | None = None
    refused: Rejected | None = None


class Introspector:
    """Asks one issuer about tokens.

    Args:
        policy: Whom, how, and for how long answers are remembered; `endpoint` must be set.
        secret: Returns our secret as it is now.
        max_entries: Answers remembered at most.
        web: Asks.
        clock: For lifetimes.
        notify: Hears of questions without an answer.
    """

    def __init__(
        self,
        policy: Introspection,
        secret: Callable[[], bytes],
        max_entries: int,
        *,
        web: Web,
        clock: Clock,
        notify: Notify,
    ) -> None:
        self._policy = policy
        self._endpoint = policy.endpoint or ""
        self._issuer = policy.issuer or ""
        self._audience = frozenset(policy.audience)
        self._salt = b"\0".join(sorted(name.encode() for name in policy.audience))
        self._secret = secret
        self._max_entries = max_entries
        self._web, self._clock, self._notify = web, clock, notify
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()
        self._flights: dict[bytes, asyncio.Task[_Answer]] = {}
        self._breaker = StoreBreaker(_FAILURES, _REST, _LONGEST_REST, clock=clock)

    def verify(self, token: bytes) -> Verified | Awaitable[Verified]:
        """Return whom *token* stands for; at once where the issuer has said it lately.

        Raises:
            Rejected: It is not good.
            CannotJudge: The issuer cannot be asked now.
        """
        digest = sha256(token + b"\0" + self._salt).digest()
        answer = self._answers.get(digest)
        if answer is None or self._clock.now() >= answer.until:
            return self._ask(digest, token)
        self._answers.move_to_end(digest)
        return self._judge(answer)

    def _judge(self, answer: _Answer) -> Verified:
        if answer.verified is None:
            assert answer.refused is not None
            raise Rejected(answer.refused.reason, answer.refused.detail, issuer=self._issuer)
        expires = answer.verified.principal.expires
        if expires is not None and self._clock.wall() >= expires:
            raise Rejected("expired", "since it was asked about", issuer=self._issuer)
        return answer.verified

    async def _ask(self, digest: bytes, token: bytes) -> Verified:
        flight = self._flights.get(digest)
        if flight is None:
            flight = asyncio.create_task(self._fetch(digest, token), name="introspection")
            self._flights[digest] = flight
            flight.add_done_callback(lambda _: self._flights.pop(digest, None))
        return self._judge(await asyncio.shield(flight))

    async def _fetch(self, digest: bytes, token: bytes) -> _Answer:
        if not self._breaker.permit():
            return self._older(digest, "left alone after failures")
        try:
            said = await self._web.post(
                self._endpoint, self._form(token), self._headers(), self._policy.timeout.total_seconds()
            )
        except FetchFailed as error:
            self._breaker.failed()
            return self._older(digest, str(error))
        self._breaker.succeeded()
        return self._remember(digest, self._read(said.content, token))

    def _form(self, token: bytes) -> dict[str, str]:
        form = {"token": token.decode("ascii"), "token_type_hint": "access_token"}
        if self._policy.client_auth == "post":
            form |= {"client_id": self._policy.client_id or "", "client_secret": self._secret().decode()}
        return form

    def _headers(self) -> dict[str, str]:
        if self._policy.client_auth == "post":
            return {}
        pair = f"{quote_plus(self._policy.client_id or '')}:{quote_plus(self._secret())}"
        return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode("ascii")}

    def _read(self, said: Mapping[str, Any], token: bytes) -> _Answer:
        try:
            verified = self._verified(said, token)
        except Rejected as error:
            return _Answer(self._clock.now() + self._policy.negative_ttl.total_seconds(), refused=error)
        life = self._policy.positive_ttl.total_seconds()
        expires = verified.principal.expires
        if expires is not None:
            life = min(life, expires - self._clock.wall())
        return _Answer(self._clock.now() + life, verified)

    def _verified(self, said: Mapping[str, Any], token: bytes) -> Verified:
        if said.get("active") is not True:
            raise Rejected("inactive", "the issuer does not vouch for it")
        now = self._clock.wall()
        expires, begins = _time(said, "exp"), _time(said, "nbf")
        if expires is not None and now >= expires:
            raise Rejected("expired", "by what its issuer says")
        if begins is not None and begins > now:
            raise Rejected("not yet valid", "by what its issuer says")
        if said.get("iss", self._issuer) != self._issuer:
            raise Rejected("issuer", "it is another's token")
        audience = said.get("aud")
        named = [audience] if isinstance(audience, str) else audience
        if "aud" in said and (not isinstance(named, list) or not any(one in self._audience for one in named)):
            raise Rejected("audience", "meant for others")
        subject = said.get("sub", said.get("client_id"))
        if not is_name(subject):
            raise Rejected("claims", "neither sub nor client_id is a name")
        jkt, x5t = confirmation_of(said)
        claims = {**said, "sub": subject}
        principal = principal_of(claims, token.decode("ascii"), self._policy.tenant_claim, self._issuer)
        return Verified(principal, None, jkt, x5t)

    def _remember(self, digest: bytes, answer: _Answer) -> _Answer:
        self._answers[digest] = answer
        self._answers.move_to_end(digest)
        while len(self._answers) > self._max_entries:
            self._answers.popitem(last=False)
        return answer

    def _older(self, digest: bytes, detail: str) -> _Answer:
        """Return what was said before, where policy allows that for so long and the token says when it ends.

        Raises:
            CannotJudge: There is nothing that may be used.
        """
        answer = self._answers.get(digest)
        stale = self._policy.stale_if_error.total_seconds()
        usable = (
            answer is not None
            and answer.verified is not None
            and answer.verified.principal.expires is not None
            and self._clock.now() < answer.until + stale
        )
        self._notify(IntrospectionFailed(self._issuer, detail, usable))
        if not usable or answer is None:
            raise CannotJudge(f"introspection: {detail}", retry_after=_REST)
        return answer


def _time(said: Mapping[str, Any], name: str) -> float | None:
    return None if said.get(name) is None else time_of(said, name)
