"""Who may call: `policies/auth.yaml` (rules AU, JK, IN, DP, MT, AK)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from bff.policy.base import Count, Policy, Switch, Timeout
from bff.policy.login import Login
from bff.policy.names import Endpoint, FileReference, Header, IssuerName, Network, PublicOrigin, SecretReference
from bff.policy.problem import Clash, Refused
from bff.policy.units import Duration, Size, bytes_of, format_duration

Asymmetric = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"
]
Symmetric = Literal["HS256", "HS384", "HS512"]
SYMMETRIC: Final = frozenset(get_args(Symmetric))
"""Signed with a secret that both sides know."""
_KNOWN: Final = (*get_args(Asymmetric), *get_args(Symmetric))


def check_algorithm(name: str) -> str:
    """Return *name*, a signature algorithm.

    Raises:
        Refused: `none`, another spelling, or one that is not offered.
    """
    if name in _KNOWN:
        return name
    if name.lower() == "none":
        raise Refused("'none' is no signature: anybody could write such a token", "RS256")
    nearest = next((known for known in _KNOWN if known.lower() == name.lower()), None)
    raise Refused(f"{name!r} is none of {', '.join(_KNOWN)}", nearest)


Algorithm = Annotated[str, AfterValidator(check_algorithm), WithJsonSchema({"type": "string", "enum": [*_KNOWN]})]
"""Name of a signature algorithm, exactly as tokens say it."""

Claim = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""Name of a member of a token."""

Audience = Annotated[str, StringConstraints(min_length=1, max_length=255)]

Life = Annotated[Duration, Field(gt=timedelta(0), le=timedelta(days=30))]
Kept = Annotated[Duration, Field(ge=timedelta(0), le=timedelta(minutes=10))]


class Issuer(Policy):
    """Somebody whose access tokens (JWT) are accepted."""

    issuer: Annotated[IssuerName, Field(examples=["https://id.example.com/"])]
    """What tokens say as `iss`, letter for letter: a slash at the end counts."""

    audience: Annotated[tuple[Audience, ...], Field(min_length=1, max_length=20, examples=[["bff"]])]
    """Names of this API; a token must be meant for one of them (`aud`)."""

    jwks_uri: Endpoint | None = None
    """Where its public keys are. One of `jwks_uri`, `discovery` and `secret` is needed."""

    discovery: Switch = False
    """Whether the issuer says itself where its keys are (`/.well-known/openid-configuration`)."""

    secret: SecretReference | None = None
    """For `HS256` and its like only: the shared secret, at least as long as the hash."""

    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1, max_length=11)] = (
        "RS256",
        "PS256",
        "ES256",
        "EdDSA",
    )
    """Signatures that are accepted. A public key that names no algorithm is used with the first of these that it
    fits, and no other."""

    profile: Literal["lenient", "rfc9068"] = "lenient"
    """`rfc9068`: only tokens that say they are access tokens (`typ: at+jwt`), with `jti`, `client_id` and `iat`.
    `lenient`: any `typ` of a JWT; ID tokens are refused by their `nonce` or `at_hash`."""

    leeway: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(seconds=120))] = timedelta(seconds=30)
    """How far the issuer's clock and ours may differ."""

    max_age: Life | None = None
    """Tokens issued longer ago are refused even if they have not expired."""

    tenant_claim: Claim | None = None
    """Which member of the token says whose data the caller works on."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse keys from nowhere or from two places, and public keys beside secrets."""
        given = [name for name in ("jwks_uri", "discovery", "secret") if getattr(self, name)]
        if not given:
            yield Clash((("discovery",), ("issuer",)), "nothing says where the issuer's keys are", "true")
        elif len(given) > 1:
            yield Clash(
                tuple((name,) for name in (*given[1:], given[0])),
                f"{' and '.join(given)} both say where the issuer's keys are; keep one",
                None,
            )
        secrets = [name for name in self.algorithms if name in SYMMETRIC]
        if secrets and len(secrets) != len(self.algorithms):
            what = "algorithms mixes shared secrets and public keys: a public key could pass as a secret"
            yield Clash((("algorithms",),), what, "[RS256, ES256]")
        elif secrets and not self.secret:
            yield Clash((("algorithms",), ("secret",)), f"{secrets[0]} needs `secret`", "[RS256, ES256]")
        elif self.secret and not secrets:
            yield Clash((("algorithms",), ("secret",)), "a `secret` goes with HS256, HS384 or HS512", "[HS256]")


class Keys(Policy):
    """How public keys of issuers are fetched and kept (JK-1 to JK-5)."""

    soft_ttl: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(hours=24))] = timedelta(seconds=300)
    """Fetched anew after this, in the background; a `max-age` of the answer goes first, 60s to 24h."""

    hard_ttl: Annotated[Duration, Field(ge=timedelta(minutes=10), le=timedelta(days=7))] = timedelta(hours=24)
    """Keys that could not be fetched for so long are no longer trusted."""

    cooldown: Annotated[Duration, Field(ge=timedelta(seconds=5), le=timedelta(minutes=10))] = timedelta(seconds=30)
    """A token with a key that nobody knows makes us look for it at most once in this time."""

    timeout: Timeout = timedelta(seconds=3)
    """One fetch, from connecting to the last byte."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse to trust keys for a shorter time than they are kept."""
        if self.soft_ttl > self.hard_ttl:
            least = format_duration(self.hard_ttl)
            yield Clash((("soft_ttl",), ("hard_ttl",)), f"soft_ttl exceeds hard_ttl {least}", least)


class Introspection(Policy):
    """Tokens that only their issuer can read: it is asked about each (RFC 7662, IN-1)."""

    endpoint: Endpoint | None = None
    """Where to ask; without it, tokens that are no JWT are refused."""

    issuer: IssuerName | None = None
    """Who vouches for what is answered there; needed with `endpoint`."""

    audience: Annotated[tuple[Audience, ...], Field(max_length=20)] = ()
    """Names of this API; an answer with an `aud` must have one of them. Needed with `endpoint`."""

    client_id: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    """How we identify ourselves there; needed with `endpoint`."""

    client_secret: SecretReference | None = None
    """And prove it; needed with `endpoint`."""

    client_auth: Literal["basic", "post"] = "basic"
    """Whether both go into the `Authorization` header or into the form."""

    timeout: Timeout = timedelta(seconds=3)
    """One question, from connecting to the last byte."""

    positive_ttl: Kept = timedelta(seconds=60)
    """How long a good answer is remembered, at most until the token expires."""

    negative_ttl: Kept = timedelta(seconds=10)
    """How long a bad one is."""

    stale_if_error: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(seconds=300))] = timedelta(0)
    """How much longer a good answer is used while the issuer cannot be asked, never beyond the token's `exp`."""

    tenant_claim: Claim | None = None
    """Which member of the answer says whose data the caller works on."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse half a description."""
        needed = ("issuer", "audience", "client_id", "client_secret")
        if self.endpoint is None:
            given = [name for name in needed if getattr(self, name)]
            if given:
                yield Clash(((given[0],),), f"{given[0]} does nothing without endpoint", None)
            return
        examples = {"audience": "[bff]", "client_id": "bff", "client_secret": "env:NAME"}
        for name in needed:
            if not getattr(self, name):
                yield Clash(((name,), ("endpoint",)), f"endpoint needs {name}", examples.get(name))


class ApiKeys(Policy):
    """Keys for programs that have no issuer (AK-1); `bff token key create` makes them."""

    file: FileReference | None = None
    """Where the keys' hashes are, as `file:PATH`; read again when it changes. Without it there are none."""

    header: Header = "x-api-key"
    """Where clients send theirs; never in a URL."""

    prefix: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,15}$")] = "bff"
    """How new keys begin, so that scanners for leaked secrets find them."""


class Proof(Policy):
    """Tokens that work only together with a key of the client's (DPoP, RFC 9449).

    Used proofs are remembered in Redis where there is one, else by each process for itself.
    """

    public_origin: PublicOrigin | None = None
    """What clients call, such as `https://api.example.com`: what they sign. Without it such tokens are refused."""

    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1, max_length=11)] = ("ES256", "EdDSA", "PS256")
    """Signatures of proofs that are accepted."""

    max_age: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(seconds=115))] = timedelta(seconds=60)
    """How old a proof may be; it is remembered for 120s, so that nobody uses it twice."""

    max_ahead: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(seconds=60))] = timedelta(seconds=5)
    """How far the client's clock may be ahead of ours."""

    on_store_error: Literal["reject", "accept"] = "reject"
    """What happens when nobody can say whether a proof was used before: 503, or it counts as new."""

    nonce: Literal["off", "required"] = "off"
    """`required`: a proof must carry a value that we gave out within the last five minutes."""

    nonce_secret: SecretReference | None = None
    """What these values are made from, the same for all replicas; needed when they are required."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse secrets as proofs, proofs outliving their memory, and values that replicas do not share."""
        shared = [name for name in self.algorithms if name in SYMMETRIC]
        if shared:
            what = f"{shared[0]} proves nothing: the key of a proof stands in it"
            yield Clash((("algorithms",),), what, "[ES256, EdDSA]")
        if self.max_age + self.max_ahead >= timedelta(seconds=120):
            yield Clash((("max_age",), ("max_ahead",)), "max_age and max_ahead make 120s or more", "60s")
        if self.nonce == "required" and self.nonce_secret is None:
            yield Clash((("nonce_secret",), ("nonce",)), "nonce needs nonce_secret", "env:NAME")


class ClientCertificates(Policy):
    """Tokens that work only together with a client certificate (RFC 8705, MT-1)."""

    trusted_proxies: Annotated[tuple[Network, ...], Field(max_length=100)] = ()
    """Peers that end TLS for us and whose `Client-Cert` (RFC 9440) is true; everybody else's is removed. Without
    any, such tokens are refused."""


class AuthPolicy(Policy):
    """Who may call: `policies/auth.yaml`. Without that file nobody looks at credentials."""

    issuers: Annotated[tuple[Issuer, ...], Field(max_length=100)] = ()
    """Whose access tokens are accepted."""

    keys: Keys = Keys()
    """How public keys of issuers are fetched and kept."""

    introspection: Introspection = Introspection()
    """Tokens that only their issuer can read."""

    api_keys: ApiKeys = ApiKeys()
    """Keys for programs that have no issuer."""

    dpop: Proof = Proof()
    """Tokens that work only together with a key of the client's."""

    login: Login = Login()
    """Login of people in browsers."""

    mtls: ClientCertificates = ClientCertificates()
    """Tokens that work only together with a client certificate."""

    anonymous: Literal["allow", "deny"] = "deny"
    """Whether requests without credentials are let in. Bad credentials never are."""

    max_token_bytes: Annotated[Size, Field(ge=512, le=64 * 1024)] = bytes_of("8KiB")
    """Longest token that is looked at."""

    cache_entries: Annotated[Count, Field(ge=0, le=1_000_000)] = 10_000
    """Tokens whose verification is remembered, for a minute at most; 0 verifies every time."""

    ca: FileReference | None = None
    """PEM file with the authorities that issuers are trusted by instead of the system's, as `file:PATH`."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse an issuer named twice, and a door that nobody has a key to."""
        names = [one.issuer for one in self.issuers]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Clash((("issuers", index, "issuer"),), f"issuer {name!r} is named twice", None)
        vouching = {*names, self.introspection.issuer}
        if self.login.issuer is not None and self.login.issuer not in vouching:
            what = f"login.issuer {self.login.issuer!r} is none of issuers: nobody who logs in there could call"
            yield Clash((("login", "issuer"), ("issuers",)), what, names[0] if names else None)
        if self.anonymous == "deny" and not self.knows_anybody:
            what = "nobody could call: there are no issuers, no introspection and no api_keys"
            yield Clash((("anonymous",), ("issuers",)), what, "allow")

    @property
    def knows_anybody(self) -> bool:
        """Whether there are credentials that could be good."""
        return bool(self.issuers or self.introspection.endpoint or self.api_keys.file)
