"""Under what an answer is kept: everything that may change it, and never a credential itself (CA-3, CA-4)."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bff.policy.caching import CacheRules
    from bff.upstream.pipeline.call import Call

FORMAT = "2"
"""Raised when keys or entries change their form, so that nobody reads what another release wrote."""

IMPERSONAL = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "baggage",
        "cache-control",
        "content-length",
        "content-type",
        "if-modified-since",
        "if-none-match",
        "pragma",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-request-id",
    }
)
"""Request headers that tell no two users apart. Every other one that travels on counts as a credential."""

NOISE = frozenset({"baggage", "traceparent", "tracestate", "x-request-id"})
"""Request headers that never change an answer."""


def digest(parts: Iterable[str | bytes | None]) -> str:
    """Return the SHA-256 of *parts*, each with its length, so that no two sequences run together."""
    told = "".join(
        [
            "-;" if part is None else f"{len(part)}:{part}" if type(part) is str else _measured(part)
            for part in parts
        ]
    )
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def _measured(part: str | bytes) -> str:
    return f"{len(part)}:{part}" if isinstance(part, str) else f"{len(part)}b{part.decode('latin-1')}"


def partition(call: "Call", rules: "CacheRules") -> str | None:
    """Return what stands for the user in keys; None where the call tells nobody apart.

    A known principal counts where the service learns of it, or policy says that answers are one user's. It stands
    for its tokens, which change while it stays: issuer, subject, tenant, scopes. Whatever other headers tell users
    apart counts too. Credentials of our own are the same for all users, and tell those answers from public ones.
    """
    principal = call.principal
    named_here = call.speaks_for == "user" or rules.scope == "user" or "authorization" in call.headers
    known = principal is not None and bool(principal.issuer or principal.subject) and named_here
    named = rules.key_headers | rules.impersonal_headers
    told = [
        (name, value)
        for name, value in call.headers.items()
        if name not in IMPERSONAL and name not in named and not (known and name == "authorization")
    ]
    told.sort()
    ours = call.speaks_for == "service"
    if not (known or told or ours):
        return None
    parts: list[str | None] = [None]
    if principal is not None and known:
        parts = [principal.issuer, principal.subject, principal.tenant, *sorted(principal.scopes), None]
    if ours:
        parts.append("ours")
    for name, value in told:
        parts += (name, value)
    return digest(parts)


def primary(version: str, call: "Call", rules: "CacheRules", part: str | None) -> str:
    """Return the key of *call* in partition *part*, before `Vary`."""
    split = call.split
    target = split.target if split else call.target
    body = split.body if split else call.body
    headers = call.headers
    named = [(name, headers.get(name)) for name in sorted(rules.key_headers)]
    return digest(
        [
            FORMAT,
            version,
            call.upstream,
            call.endpoint if split else None,
            "GET" if call.method == "HEAD" else call.method,
            _sorted_query(target) if rules.sort_query else target,
            headers.get("accept"),
            *(text for pair in named for text in pair),
            part,
            body,
        ]
    )


def item(base: str, key: str) -> str:
    """Return the key of one item of the batch with key *base*."""
    return digest([base, key])


def variant(base: str, names: Sequence[str], headers: Mapping[str, str]) -> str:
    """Return the key of the variant that *headers* select; absent and empty differ."""
    parts: list[str | None] = [base]
    for name in names:
        value = headers.get(name)
        parts += (name, None if value is None else ", ".join(part.strip() for part in value.split(",")))
    return digest(parts)


def vary_names(field: str) -> tuple[str, ...]:
    """Return the header names in a `Vary` field."""
    if not field:
        return ()
    return tuple(sorted({name.strip().lower() for name in field.split(",")} - {""}))


def uri_tag(upstream: str, target: str) -> str:
    """Return the tag of everything kept of one URI (CA-7)."""
    return f"uri:{digest([upstream, target])[:32]}"


def upstream_tag(upstream: str) -> str:
    """Return the tag of everything kept of one upstream."""
    return f"upstream:{upstream}"


def _sorted_query(target: str) -> str:
    path, mark, query = target.partition("?")
    return path + mark + "&".join(sorted(query.split("&")))
