"""What the issuer decides: who may have which token. Nothing here knows HTTP."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote_plus

from bff.auth.development.keys import Keys
from bff.auth.development.model import Client, IssuerConfig, Person
from bff.auth.development.parameters import Parameters, back_channel_of, is_registered
from bff.auth.development.refused import OAuthRefused, PageRefused
from bff.auth.development.state import Granted, Memory, Session, Wish
from bff.auth.development.tokens import Access, Tokens, in_words
from bff.clock import Clock

EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
JWT_TYPE: Final = "urn:ietf:params:oauth:token-type:jwt"
PERSON: Final = "urn:bff:grant-type:person"
"""How `bff token` asks for a person's token without a login."""

OPENID: Final = frozenset({"openid", "profile", "email", "offline_access"})
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_COMMAND_LINE: Final = Client(id="bff-token", grants=frozenset())

Answer = dict[str, Any]


class Provider:
    """Grants tokens.

    Args:
        config: Whom it knows.
        issuer: Its name, a URL.
        secrets_of: The secret of each client that has one.
        keys: What it signs with.
        clock: For lifetimes.
    """

    def __init__(
        self, config: IssuerConfig, issuer: str, secrets_of: Mapping[str, str], keys: Keys, clock: Clock
    ) -> None:
        self.config = config
        self.issuer = issuer
        self.keys = keys
        self._clients = {client.id: client for client in config.clients}
        self._secrets = secrets_of
        self._clock = clock
        self._memory = Memory(clock)
        self.tokens = Tokens(issuer, keys, self._memory, clock)

    # Logging in

    def begin(self, asked: Parameters) -> tuple[str, Wish]:
        """Return the name under which a login waits for a person, and what is wished.

        Raises:
            PageRefused: The client or where to send people is unknown.
            OAuthRefused: The request is not one that this issuer takes; the client is to be told.
        """
        client = self.client_to_tell(asked)
        if asked.get("response_type") != "code":
            raise OAuthRefused("unsupported_response_type", "only response_type=code is spoken")
        if "authorization_code" not in client.grants:
            raise OAuthRefused("unauthorized_client", "this client may not send people here")
        if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(
            asked.get("code_challenge", "")
        ):
            raise OAuthRefused("invalid_request", "PKCE with S256 is needed")
        if asked.get("prompt") == "none":
            raise OAuthRefused("login_required", "everybody is asked who they are")
        wish = Wish(
            client,
            asked["redirect_uri"],
            _allowed(asked.scope, client.scopes | OPENID),
            self._audience(asked),
            asked["code_challenge"],
            asked.get("state"),
            asked.get("nonce"),
            next(iter(asked.get("acr_values", "").split()), None),
        )
        return self._memory.logins.put(wish), wish

    def client_to_tell(self, asked: Parameters) -> Client:
        """Return the client that *asked* names, when people may be sent to the address it names.

        Raises:
            PageRefused: One of them is unknown.
        """
        client = self._clients.get(asked.get("client_id", ""))
        if client is None:
            raise PageRefused("no client has this client_id")
        if not is_registered(asked.get("redirect_uri", ""), client.redirect_uris):
            raise PageRefused("this redirect_uri is not registered for the client")
        return client

    def finish(self, login: str, subject: str) -> tuple[Wish, str]:
        """Return what was wished in *login*, and the code with which the client gets it.

        Raises:
            PageRefused: There is no such login or person.
        """
        wish, person = self._memory.logins.take(login), self.config.person(subject)
        if wish is None or person is None:
            raise PageRefused("this login is over; start again where you came from")
        session = Session(secrets.token_urlsafe(16), person, wish.acr or self.config.acr, int(self._clock.wall()))
        self._memory.sessions.put(session, session.id)
        return wish, self._memory.codes.put(Granted(session, wish))

    # Tokens

    def authenticate(self, basic: str | None, form: Parameters) -> Client:
        """Return the client that proves itself, by HTTP Basic or in the form; a public one only names itself.

        Raises:
            OAuthRefused: It does not, or does it twice.
        """
        if basic and "client_secret" in form:
            raise OAuthRefused("invalid_request", "the client proves itself twice")
        name, secret = _basic(basic) if basic else (form.get("client_id", ""), form.get("client_secret", ""))
        client, known = self._clients.get(name), self._secrets.get(name, "")
        if (
            client is None
            or bool(client.secret) is not bool(known)
            or not hmac.compare_digest(known.encode(), secret.encode())
        ):
            raise OAuthRefused("invalid_client", "the client is not known by this secret", HTTPStatus.UNAUTHORIZED)
        return client

    def token(self, form: Parameters, basic: str | None) -> Answer:
        """Return what the token endpoint answers.

        Raises:
            OAuthRefused: No token.
        """
        grant = form.need("grant_type")
        if grant == PERSON:
            return self._for_person(form)
        client = self.authenticate(basic, form)
        answers = {
            "authorization_code": self._for_code,
            "refresh_token": self._for_refresh,
            "client_credentials": self._for_client,
            EXCHANGE: self._for_exchange,
        }
        if grant not in answers:
            raise OAuthRefused("unsupported_grant_type", "this issuer has no such grant")
        if grant not in client.grants:
            raise OAuthRefused("unauthorized_client", "this client may not use that grant")
        return answers[grant](client, form)

    def _for_code(self, client: Client, form: Parameters) -> Answer:
        granted = self._memory.codes.get(form.need("code"))
        if granted is None or granted.wish.client is not client or not granted.alive:
            raise OAuthRefused("invalid_grant", "the code is not, or no longer, good")
        if granted.code_used:
            granted.revoked = True
            raise OAuthRefused("invalid_grant", "the code was used before; its tokens are revoked")
        granted.code_used = True
        if form.get("redirect_uri") != granted.wish.redirect_uri:
            raise OAuthRefused("invalid_grant", "redirect_uri is another one than at the login")
        if not _proves(form.get("code_verifier", ""), granted.wish.challenge):
            raise OAuthRefused("invalid_grant", "code_verifier does not fit the challenge")
        address = back_channel_of(client, granted.wish.redirect_uri)
        if address:
            granted.session.told[client.id] = address
        return self._grant(granted, granted.wish.scope)

    def _for_refresh(self, client: Client, form: Parameters) -> Answer:
        token = form.need("refresh_token")
        granted = self._memory.refresh.get(token)
        if granted is None or granted.wish.client is not client or not granted.alive:
            raise OAuthRefused("invalid_grant", "the refresh token is not, or no longer, good")
        if granted.refresh != token:
            granted.revoked = True
            raise OAuthRefused("invalid_grant", "the refresh token was used before; its family is revoked")
        return self._grant(granted, _narrowed(form, granted.wish.scope))

    def _grant(self, granted: Granted, scope: frozenset[str]) -> Answer:
        wish, person = granted.wish, granted.session.person
        own = scope & (person.scopes | OPENID)
        wanted = Access(
            wish.client,
            person.subject,
            own,
            wish.audience,
            self.config.expires,
            person.claims,
            granted.session.acr,
            granted.session.auth_time,
        )
        token = self.tokens.access(wanted, granted)
        answer = self._answer(token, own)
        if "openid" in scope:
            answer["id_token"] = self.tokens.identity(granted, token)
        if "offline_access" in wish.scope and "refresh_token" in wish.client.grants:
            granted.refresh = answer["refresh_token"] = self._memory.refresh.put(granted)
        return answer

    def _for_client(self, client: Client, form: Parameters) -> Answer:
        if client.secret is None:
            raise OAuthRefused("unauthorized_client", "a client without a secret cannot speak for itself")
        scope = _allowed(form.scope, client.scopes) if form.scope else client.scopes
        wanted = Access(client, client.id, scope, self._audience(form), self.config.expires, {})
        return self._answer(self.tokens.access(wanted), scope)

    def _for_exchange(self, client: Client, form: Parameters) -> Answer:
        """Exchange a token for one of the same person that says who acts (RFC 8693)."""
        if form.need("subject_token_type") not in {ACCESS_TOKEN, JWT_TYPE}:
            raise OAuthRefused("invalid_request", "subject_token_type must be an access token")
        if form.get("requested_token_type", ACCESS_TOKEN) not in {ACCESS_TOKEN, JWT_TYPE}:
            raise OAuthRefused("invalid_request", "only access tokens are issued")
        told = self.tokens.read(form.need("subject_token"))
        if told is None:
            raise OAuthRefused("invalid_request", "subject_token is not, or no longer, good")
        left = int(told["exp"] - self._clock.wall())
        wanted = Access(
            client,
            told["sub"],
            _narrowed(form, frozenset(told["scope"].split())),
            self._audience(form),
            min(self.config.expires, max(left, 1)),
            told,
            told.get("acr"),
            told.get("auth_time"),
            actor=client.id,
        )
        token = self.tokens.access(wanted, self._memory.grants.get(told["jti"]))
        return {**self._answer(token, wanted.scope, wanted.expires), "issued_token_type": ACCESS_TOKEN}

    def _for_person(self, form: Parameters) -> Answer:
        name = form.need("person")
        person = self.config.person(name)
        if person is None:
            known = ", ".join(sorted({one.role for one in self.config.people}))
            raise OAuthRefused("invalid_request", f"nobody is called {name!r}; there are {known}")
        scope = _allowed(form.scope, person.scopes | OPENID) if form.scope else person.scopes
        expires = _seconds(form.get("expires_in")) or self.config.expires
        wanted = Access(
            _COMMAND_LINE,
            person.subject,
            scope,
            self._audience(form),
            expires,
            person.claims,
            form.get("acr") or self.config.acr,
            int(self._clock.wall()),
        )
        return {**self._answer(self.tokens.access(wanted), scope, expires), "person": describe(person)}

    def _answer(self, token: str, scope: frozenset[str], expires: int | None = None) -> Answer:
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": expires or self.config.expires,
            "scope": in_words(scope),
        }

    def _audience(self, asked: Parameters) -> tuple[str, ...]:
        """Return the audience that is asked for.

        Raises:
            OAuthRefused: It is none of those this issuer knows (RFC 8707 section 2).
        """
        known = self.config.audiences | set(self.config.audience)
        unknown = [name for name in asked.targets if name not in known]
        if unknown:
            said = f"no audience {unknown[0]!r}; there are {', '.join(sorted(known))}"
            raise OAuthRefused("invalid_target", said)
        return asked.targets or self.config.audience

    # Looking at tokens, and ending sessions

    def introspect(self, form: Parameters) -> Answer:
        """Return what a token says while it is good (RFC 7662)."""
        told = self.tokens.read(form.need("token"))
        return {"active": False} if told is None else {**told, "active": True, "token_type": "Bearer"}

    def end(self, id_token: str) -> tuple[Client | None, list[tuple[str, str]]]:
        """End the session of *id_token*; return its client, and logout tokens with the address for each."""
        session, name = self.tokens.session_of(id_token)
        if session is None or session.ended:
            return self._clients.get(name or ""), []
        session.ended = True
        told = [
            (address, self.tokens.logout(session, self._clients[client]))
            for client, address in session.told.items()
        ]
        return self._clients.get(name or ""), told


def describe(person: Person) -> dict[str, Any]:
    """Return what others may see of *person*."""
    return {"subject": person.subject, "role": person.role, "name": person.name}


def _basic(field: str) -> tuple[str, str]:
    """Return name and secret of an `Authorization: Basic` field (RFC 6749 section 2.3.1)."""
    scheme, _, coded = field.partition(" ")
    try:
        name, separator, secret = base64.b64decode(coded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        separator = ""
    if scheme.lower() != "basic" or not separator:
        raise OAuthRefused("invalid_client", "the Authorization field cannot be read", HTTPStatus.UNAUTHORIZED)
    return unquote_plus(name), unquote_plus(secret)


def _allowed(asked: frozenset[str], allowed: frozenset[str]) -> frozenset[str]:
    refused = sorted(asked - allowed)
    if refused:
        raise OAuthRefused("invalid_scope", f"not allowed: {' '.join(refused)}")
    return asked


def _narrowed(form: Parameters, granted: frozenset[str]) -> frozenset[str]:
    return _allowed(form.scope, granted) if form.scope else granted


def _proves(verifier: str, challenge: str) -> bool:
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return _VERIFIER.fullmatch(verifier) is not None and hmac.compare_digest(made, challenge)


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= 86_400:  # noqa: PLR2004 - one day
        raise OAuthRefused("invalid_request", "expires_in is a number of seconds, at most 86400")
    return int(text)
