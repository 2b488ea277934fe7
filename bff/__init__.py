"""One GraphQL endpoint in front of many services, which stays up when they do not.

What an application imports: `Upstream` to say what a service offers, `resolver` and `batched` to say where a field
comes from, `field` and `serves` to put both into a Strawberry schema; `authenticated`, `requires_scopes`,
`requires_policy` and `requires_auth` to say who may see or do what, `Cost` and `ListSize` to say what is dear,
`CacheControl` to say how long clients keep it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bff.context import Context, Principal
    from bff.errors import PublicError
    from bff.execution.access.directives import authenticated, requires_auth, requires_policy, requires_scopes
    from bff.execution.access.policies import Asked, access_policy, with_policies
    from bff.execution.cache_control import CacheControl, CacheControlScope
    from bff.execution.cost.directives import Cost, ListSize
    from bff.execution.resolver import batched, field, resolver, serves
    from bff.upstream.declare import Upstream
    from bff.upstream.errors import UpstreamError

__all__ = [
    "Asked",
    "CacheControl",
    "CacheControlScope",
    "Context",
    "Cost",
    "ListSize",
    "Principal",
    "PublicError",
    "Upstream",
    "UpstreamError",
    "access_policy",
    "authenticated",
    "batched",
    "field",
    "requires_auth",
    "requires_policy",
    "requires_scopes",
    "resolver",
    "serves",
    "with_policies",
]

_HOMES = {
    "Asked": "bff.execution.access.policies",
    "CacheControl": "bff.execution.cache_control",
    "CacheControlScope": "bff.execution.cache_control",
    "Context": "bff.context",
    "Principal": "bff.context",
    "Cost": "bff.execution.cost.directives",
    "ListSize": "bff.execution.cost.directives",
    "PublicError": "bff.errors",
    "Upstream": "bff.upstream.declare",
    "UpstreamError": "bff.upstream.errors",
    "access_policy": "bff.execution.access.policies",
    "authenticated": "bff.execution.access.directives",
    "batched": "bff.execution.resolver",
    "requires_policy": "bff.execution.access.directives",
    "requires_auth": "bff.execution.access.directives",
    "requires_scopes": "bff.execution.access.directives",
    "with_policies": "bff.execution.access.policies",
    "field": "bff.execution.resolver",
    "resolver": "bff.execution.resolver",
    "serves": "bff.execution.resolver",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `bff --help` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bff' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
