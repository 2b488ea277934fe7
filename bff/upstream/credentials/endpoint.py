"""Asks token endpoints: over our own transport, with a breaker and a time limit of their own (UC-4)."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal
from urllib.parse import quote_plus, urlencode, urlsplit

from bff.clock import Clock
from bff.events import Notify, TokenFetched
from bff.policy.resilience import Breaker as BreakerPolicy
from bff.upstream.credentials.source import ReadSecret, no_credentials
from bff.upstream.credentials.token import Token, error_name, token_of
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Response
from bff.upstream.pipeline import Call, build
from bff.upstream.pipeline.attempt import Attempt
from bff.upstream.pipeline.breaker import Breaker
from bff.upstream.pipeline.circuit import CircuitBreaker, Thresholds
from bff.upstream.transport import Limits, Transport

PATIENCE = 3.0
"""Seconds that a token endpoint has to answer (UC-4)."""

_PORTS = {"http": 80, "https": 443}


def limits_for(ca_file: str | None) -> Limits:
    """Return the bounds of connections to a token endpoint."""
    return Limits(max_connections=16, max_response_bytes=64 * 1024, connect_timeout=1.0, ca_file=ca_file)


@dataclass(frozen=True, slots=True)
class ClientAuth:
    """Who we are at a token endpoint, and where our secret stands in requests."""

    client_id: str
    secret: ReadSecret
    place: Literal["basic", "post"] = "basic"

    def apply(self, form: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return header fields and form of a request that proves who we are (RFC 6749, section 2.3.1)."""
        secret = self.secret()
        if self.place == "post":
            return {}, {**form, "client_id": self.client_id, "client_secret": secret}
        both = f"{quote_plus(self.client_id)}:{quote_plus(secret)}"
        return {"authorization": f"Basic {b64encode(both.encode()).decode()}"}, dict(form)


class TokenEndpoint:
    """One token endpoint, asked on behalf of one upstream.

    Args:
        url: Where it is.
        upstream: For which upstream, in events.
        client: Who we are there.
        transport: Sends requests.
        clock: Tells the time.
        rng: Spreads the breaker's open times.
        notify: Told of each token, and of each that did not come.
    """

    def __init__(
        self,
        url: str,
        *,
        upstream: str,
        client: ClientAuth,
        transport: Transport,
        clock: Clock,
        rng: Random,
        notify: Notify,
    ) -> None:
        parts = urlsplit(url)
        self._origin = Origin(parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme])
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._upstream = upstream
        self._name = f"{upstream}.token"
        self._client = client
        self._transport = transport
        self._clock = clock
        self._notify = notify
        circuit = CircuitBreaker(
            Thresholds.of(BreakerPolicy(), PATIENCE), upstream=self._name, group="token", rng=rng, notify=notify
        )
        breaker = Breaker(circuit, upstream=self._name, group="token", clock=clock, notify=notify)
        attempt = Attempt(transport, PATIENCE, group="token", clock=clock, notify=notify)
        self._send = build([breaker], attempt)

    async def fetch(self, form: Mapping[str, str]) -> Token:
        """Return the token that *form* asks for.

        Raises:
            UpstreamError: AUTH; there is none, whatever the reason, and no service was asked anything.
        """
        started = self._clock.now()
        found: list[Token] = []

        def decode(response: Response) -> None:
            found.append(token_of(response))

        try:
            await self._send(self._call(form, decode))
        except UpstreamError as error:
            detail = self._detail(error)
            self._notify(TokenFetched(self._upstream, "failed", self._clock.now() - started, detail))
            raise no_credentials(f"no token from {self._origin}: {detail}") from None
        self._notify(TokenFetched(self._upstream, "refreshed", self._clock.now() - started, ""))
        return found[-1]

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def _call(self, form: Mapping[str, str], decode: object) -> Call:
        proof, fields = self._client.apply(form)
        headers = {
            "accept": "application/json",
            "content-type": "application/x-www-form-urlencoded",
            **proof,
        }
        call = Call(
            upstream=self._name,
            endpoint="token",
            method="POST",
            target=self._target,
            headers=headers,
            body=urlencode(fields).encode("ascii"),
            safe=False,
            request_id="",
            deadline=self._clock.now() + PATIENCE,
            limited_by="call",
            origin=self._origin,
        )
        call.decode = decode  # type: ignore[assignment]  # its value is not looked at
        return call

    @staticmethod
    def _detail(error: UpstreamError) -> str:
        """Return what went wrong, without anything of the answer but the name of the reason."""
        reason = error_name(error.body)
        said = f"{error.outcome}: {error.detail}"
        return f"{said} ({reason})" if reason else said
