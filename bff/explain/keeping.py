"""What may be kept of answers, in words: of one endpoint's, and of a whole operation's (CA-22, CA-23)."""

import math
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode

from bff.execution.cache_control import CacheHints
from bff.explain.latency import chain_of
from bff.explain.plan import Keeping, Limit, Sharing
from bff.explain.sites import Site
from bff.policy.chain import Chain
from bff.policy.load import PolicySet
from bff.policy.units import format_duration
from bff.upstream.endpoint import Endpoint

_FOR = {
    "auto": "for one user where the call carries credentials, else for all",
    "public": "for all",
    "user": "for one user",
}
_SHARED = {
    "principal": "callers with equal credentials share one execution of equal queries",
    "public": "everybody shares one execution of equal queries, as far as nothing looks at credentials",
    "off": "every query is executed for itself (sharing is off)",
}


def cache_rule(policies: PolicySet, endpoint: Endpoint[Any]) -> str:
    """Return what is kept of *endpoint*'s answers, in words."""
    if not endpoint.cacheable:
        return "never kept: it changes something" if not endpoint.safe else "never kept: not a read"
    chain = chain_of(policies, endpoint)
    rules = chain.cache
    if rules.scope == "off":
        return "not kept"
    ttl = rules.default_ttl
    lasts = f"as long as the answer says, else {format_duration(ttl)}" if ttl else "as long as the answer says"
    words = [f"kept {_FOR[rules.scope]}, {lasts}"]
    if rules.stale_while_revalidate:
        words.append(f"{format_duration(rules.stale_while_revalidate)} more while it is fetched anew")
    stale = stale_for(chain)
    if stale:
        words.append(f"{format_duration(stale)} more when the service fails")
    return "; ".join(words)


def stale_for(chain: Chain) -> timedelta | None:
    """Return for how long old answers stand in for failures; None where they never do."""
    if chain.cache.scope == "off" or chain.fallback.on_failure == "error":
        return None
    seconds = chain.cache.stale_if_error_seconds
    return timedelta(seconds=seconds) if seconds else None


def keeping_of(
    policies: PolicySet,
    sites: Iterable[Site],
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
) -> Keeping:
    """Return what clients and CDNs may keep of the answer, and what decides that."""
    kind = operation.operation.value
    if kind != "query":
        return Keeping(verdict="never", limits=(Limit(endpoint=None, why=f"it is a {kind}"),))
    default = policies.operations.default_max_age.total_seconds()
    allowed = CacheHints(schema, default).of(document, operation)
    if not allowed.max_age:
        why = "a field neither says which services it calls nor how long it may be kept (@cacheControl)"
        return Keeping(verdict="never", limits=(Limit(endpoint=None, why=why),))
    limits = dict.fromkeys(limit for site in sites for limit in _limits(policies, site))
    if math.isfinite(allowed.max_age):
        longest = format_duration(timedelta(seconds=allowed.max_age))
        why = f"the schema says {longest} at most (@cacheControl)"
        if allowed.max_age == default:
            why = f"default_max_age is {longest}"
        limits[Limit(endpoint=None, why=why)] = None
    never = tuple(one for one in limits if one.why.startswith("nothing"))
    if never or not limits:
        none = (Limit(endpoint=None, why="nothing in it comes from a service"),)
        return Keeping(verdict="never", limits=never or none)
    private = allowed.private or any("one user" in one.why for one in limits)
    return Keeping(verdict="private" if private else "public", limits=tuple(limits))


def sharing_of(policies: PolicySet, kind: str, name: str | None) -> Sharing:
    """Return who may share an execution of the operation *name*."""
    if kind != "query":
        return Sharing(scope="off", why=f"a {kind} is never shared")
    sharing = policies.operations.sharing
    scope = sharing.operations.get(name or "", sharing.scope)
    return Sharing(scope=scope, why=_SHARED[scope])


def _limits(policies: PolicySet, site: Site) -> Sequence[Limit]:
    return [Limit(endpoint=str(one), why=_limit(policies, one)) for one in site.calls]


def _limit(policies: PolicySet, endpoint: Endpoint[Any]) -> str:
    rules = chain_of(policies, endpoint).cache
    if not endpoint.cacheable:
        return "nothing is kept of an endpoint that is no read"
    if rules.scope == "off":
        return "nothing is kept: cache.scope is off"
    lasts = f", else {format_duration(rules.default_ttl)}" if rules.default_ttl else ""
    said = {"public": "for all", "user": "by one user only", "auto": "by one user only where credentials travel"}
    return f"{said[rules.scope]}, as long as the service says{lasts}"
