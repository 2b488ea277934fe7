"""Speaks to the issuer where people log in. Only this file uses Authlib's client, which is httpx2's."""

import asyncio
import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from bff.auth.session.errors import GrantRefused, LoginFailed, LoginUnavailable
from bff.auth.session.idtoken import Claims, Keys, KeyUnknown, read_identity, read_logout
from bff.auth.session.record import Attempt, Tokens
from bff.clock import Clock
from bff.policy.login import Login
from bff.policy.names import check_endpoint
from bff.policy.problem import Refused

METADATA_LIFE: Final = 3600.0
KEYS_LIFE: Final = 300.0
COOLDOWN: Final = 30.0
"""Seconds between two fetches of keys that a token with an unknown key may cause (JK-3)."""

_DEFAULT_EXPIRY: Final = 300
_LARGEST: Final = 256 * 1024
_MOST_KEYS: Final = 100
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the issuer says of itself (OpenID Connect Discovery)."""

    authorization: str
    token: str
    jwks: str
    end_session: str | None
    names_itself: bool
    """Whether it says `iss` when it sends people back (RFC 9207)."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a code or a refresh token brought; `claims` and `identity` are those of the ID token, if one came."""

    tokens: Tokens
    claims: Claims | None
    identity: str | None


class OpenID:
    """One issuer, as its client.

    Args:
        policy: Who it is and who we are.
        secret: Returns the client's secret as it is now.
        tls: For `https`.
        clock: For lifetimes.
    """

    def __init__(self, policy: Login, secret: Callable[[], bytes], *, tls: ssl.SSLContext, clock: Clock) -> None:
        assert policy.issuer is not None
        assert policy.client_id is not None
        self.issuer = policy.issuer
        self._policy = policy
        self._client_id = policy.client_id
        self._secret = secret
        self._tls = tls
        self._clock = clock
        self._timeout = policy.timeout.total_seconds()
        self._metadata: tuple[Metadata, float] | None = None
        self._keys: tuple[Keys, float] | None = None
        self._asking = asyncio.Lock()

    async def authorization_url(self, attempt: Attempt, state: str, more: Mapping[str, str]) -> str:
        """Return where to send a person to log in; *more* are further parameters.

        Raises:
            LoginUnavailable: The issuer does not answer.
        """
        metadata = await self.metadata()
        async with self._client(redirect_uri=attempt.redirect_uri) as client:
            url, _ = client.create_authorization_url(
                metadata.authorization,
                state=state,
                code_verifier=attempt.verifier,
                nonce=attempt.nonce,
                scope=" ".join(self._policy.scopes),
                **{**more, **self._policy.parameters},
            )
        return str(url)

    async def check_sender(self, iss: str | None) -> None:
        """Refuse an answer that another issuer sent (RFC 9207).

        Raises:
            LoginFailed: It was another one, or this one has not said so although it always does.
            LoginUnavailable: The issuer does not answer.
        """
        if iss is None and not (await self.metadata()).names_itself:
            return
        if iss != self.issuer:
            raise LoginFailed("another issuer sent this answer (RFC 9207)")

    async def redeem(self, code: str, attempt: Attempt) -> Granted:
        """Return what *code* stands for.

        Raises:
            LoginFailed: It stands for nothing, or the issuer's answer is not good.
            LoginUnavailable: The issuer does not answer.
        """
        metadata = await self.metadata()
        try:
            async with self._client(redirect_uri=attempt.redirect_uri) as client:
                answer = await self._sent(
                    client.fetch_token(
                        metadata.token, grant_type="authorization_code", code=code, code_verifier=attempt.verifier
                    )
                )
        except GrantRefused as error:
            raise LoginFailed(str(error)) from error
        granted = await self._granted(answer, nonce=attempt.nonce)
        if granted.claims is None:
            raise LoginFailed("the issuer sent no ID token")
        return granted

    async def renew(self, refresh_token: str) -> Granted:
        """Return what *refresh_token* brings.

        Raises:
            GrantRefused: The issuer says that it is not good any more.
            LoginFailed: The issuer's answer is not good.
            LoginUnavailable: The issuer does not answer.
        """
        metadata = await self.metadata()
        async with self._client() as client:
            answer = await self._sent(client.refresh_token(metadata.token, refresh_token=refresh_token))
        return await self._granted(answer, nonce=None)

    async def logout_claims(self, token: str) -> Claims:
        """Return the claims of a logout token.

        Raises:
            LoginFailed: It is not one of this issuer for us.
            LoginUnavailable: The issuer's keys are not known and it does not answer.
        """
        return await self._with_keys(
            lambda keys: read_logout(
                token, keys, issuer=self.issuer, client_id=self._client_id, now=self._clock.wall()
            )
        )

    async def end_session_url(self, identity: str, return_to: str, state: str) -> str | None:
        """Return where to send a person whose login ends here too; None where the issuer has no such place."""
        place = (await self.metadata()).end_session
        told = {
            "id_token_hint": identity,
            "client_id": self._client_id,
            "post_logout_redirect_uri": return_to,
            "state": state,
        }
        return place and f"{place}{'&' if '?' in place else '?'}{urlencode(told)}"

    async def metadata(self) -> Metadata:
        """Return what the issuer says of itself; the last it said while it does not answer.

        Raises:
            LoginUnavailable: It has said nothing usable yet.
        """
        async with self._asking:
            known = self._metadata
            if known is not None and self._clock.now() < known[1]:
                return known[0]
            try:
                found = self._read_metadata(
                    await self._get_json(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                )
            except LoginUnavailable:
                if known is None:
                    raise
                self._metadata = known[0], self._clock.now() + COOLDOWN
                return known[0]
            self._metadata = found, self._clock.now() + METADATA_LIFE
            return found

    def _read_metadata(self, said: Mapping[str, Any]) -> Metadata:
        if said.get("issuer") != self.issuer:
            raise LoginUnavailable(f"discovery names another issuer than {self.issuer}")
        methods = said.get("code_challenge_methods_supported")
        if methods is not None and "S256" not in methods:
            raise LoginUnavailable("the issuer does not speak PKCE with S256")
        end = said.get("end_session_endpoint")
        try:
            return Metadata(
                authorization=check_endpoint(str(said.get("authorization_endpoint"))),
                token=check_endpoint(str(said.get("token_endpoint"))),
                jwks=check_endpoint(str(said.get("jwks_uri"))),
                end_session=None if end is None else check_endpoint(str(end)),
                names_itself=said.get("authorization_response_iss_parameter_supported") is True,
            )
        except Refused as error:
            raise LoginUnavailable(f"discovery: {error}") from error

    async def _granted(self, answer: Mapping[str, Any], *, nonce: str | None) -> Granted:
        now = self._clock.wall()
        access, refresh = answer.get("access_token"), answer.get("refresh_token")
        identity = answer.get("id_token")
        if str(answer.get("token_type")).lower() != "bearer" or not _is_token(access):
            raise LoginFailed("the issuer sent no bearer token")
        lasts = answer.get("expires_in")
        life = lasts if isinstance(lasts, int | float) and not isinstance(lasts, bool) else _DEFAULT_EXPIRY
        tokens = Tokens(
            access=str(access),
            expires=now + life,
            refresh_at=now + life * self._policy.refresh_ahead,
            refresh=refresh if _is_token(refresh) else None,
        )
        if identity is None:
            return Granted(tokens, None, None)
        text = str(identity)
        claims = await self._with_keys(
            lambda keys: read_identity(
                text,
                keys,
                issuer=self.issuer,
                client_id=self._client_id,
                nonce=nonce,
                access_token=tokens.access,
                now=now,
            )
        )
        return Granted(tokens, claims, text)

    async def _with_keys(self, read: Callable[[Keys], Claims]) -> Claims:
        """Return what *read* makes of the issuer's keys; they are fetched anew where one is unknown (JK-3)."""
        keys = await self._current_keys(KEYS_LIFE)
        try:
            return read(keys)
        except KeyUnknown:
            newer = await self._current_keys(COOLDOWN)
            if newer is keys:
                raise
            return read(newer)

    async def _current_keys(self, oldest: float) -> Keys:
        metadata = await self.metadata()
        async with self._asking:
            known = self._keys
            if known is not None and self._clock.now() < known[1] + oldest:
                return known[0]
            try:
                found = await self._get_json(metadata.jwks)
            except LoginUnavailable:
                if known is None:
                    raise
                return known[0]
            members = found.get("keys")
            keys: Keys = [key for key in members if isinstance(key, dict)] if isinstance(members, list) else []
            if not 0 < len(keys) <= _MOST_KEYS:
                raise LoginUnavailable("the issuer publishes no keys, or too many")
            self._keys = keys, self._clock.now()
            return keys

    def _client(self, redirect_uri: str | None = None) -> AsyncOAuth2Client:
        """Return a client for one exchange: it remembers the token it fetched, which is nobody else's."""
        return AsyncOAuth2Client(
            self._client_id,
            self._secret().decode("utf-8", "replace"),
            token_endpoint_auth_method=f"client_secret_{self._policy.client_auth}",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=self._timeout,
            verify=self._tls,
            trust_env=False,
            follow_redirects=False,
        )

    async def _sent(self, work: Any) -> Mapping[str, Any]:
        """Return the token endpoint's answer, its failures in our words."""
        try:
            async with asyncio.timeout(self._timeout):
                answer: Mapping[str, Any] = await work
        except OAuthError as error:
            if error.error == "invalid_grant":
                raise GrantRefused(f"invalid_grant: {str(error.description)[:200]}") from None
            raise LoginUnavailable(f"the issuer refuses: {str(error.error)[:60]}") from None
        except (httpx2.HTTPError, TimeoutError, ValueError) as error:
            raise LoginUnavailable(f"the issuer does not answer: {type(error).__name__}") from None
        return answer

    async def _get_json(self, url: str) -> Mapping[str, Any]:
        try:
            async with (
                asyncio.timeout(self._timeout),
                httpx2.AsyncClient(timeout=self._timeout, verify=self._tls, trust_env=False) as client,
                client.stream("GET", url, headers={"accept": "application/json"}) as response,
            ):
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > _LARGEST:
                        raise LoginUnavailable(f"the answer of {url} is too large")
        except (httpx2.HTTPError, TimeoutError) as error:
            raise LoginUnavailable(f"{url} does not answer: {type(error).__name__}") from None
        return _as_object(url, response.status_code, bytes(body))


def _as_object(url: str, status: int, body: bytes) -> Mapping[str, Any]:
    if status != 200:  # noqa: PLR2004
        raise LoginUnavailable(f"{url} answers {status}")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise LoginUnavailable(f"{url} answers with something that is not JSON") from error
    if not isinstance(found, dict):
        raise LoginUnavailable(f"{url} answers with something that is no object")
    return found


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None
