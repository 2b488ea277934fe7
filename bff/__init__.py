"""One GraphQL endpoint in front of many services, which stays up when they do not.

What an application imports: `Upstream` to say what a service offers, `resolver` and `batched` to say where a field
comes from, `field` and `serves` to put both into a Strawberry schema, `Cost` and `ListSize` to say what is dear.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bff.context import Context
    from bff.errors import PublicError
    from bff.execution.cost.directives import Cost, ListSize
    from bff.execution.resolver import batched, field, resolver, serves
    from bff.upstream.declare import Upstream
    from bff.upstream.errors import UpstreamError

__all__ = [
    "Context",
    "Cost",
    "ListSize",
    "PublicError",
    "Upstream",
    "UpstreamError",
    "batched",
    "field",
    "resolver",
    "serves",
]

_HOMES = {
    "Context": "bff.context",
    "Cost": "bff.execution.cost.directives",
    "ListSize": "bff.execution.cost.directives",
    "PublicError": "bff.errors",
    "Upstream": "bff.upstream.declare",
    "UpstreamError": "bff.upstream.errors",
    "batched": "bff.execution.resolver",
    "field": "bff.execution.resolver",
    "resolver": "bff.execution.resolver",
    "serves": "bff.execution.resolver",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `bff --help` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bff' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
