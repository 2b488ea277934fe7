"""Each value that is in force, and where it comes from."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from bff.policy.clients import ClientDefaults
from bff.policy.document import Located, Mark, Path, key_text
from bff.policy.load import PolicySet
from bff.policy.network import NetworkPolicy
from bff.policy.render import entry_in, field_as_yaml, model_in
from bff.policy.resilience import Part

DEFAULT = "default"
"""Origin of a value that no file states."""


@dataclass(frozen=True, slots=True)
class Effective:
    """One value that is in force.

    Attributes:
        key: Its path, such as `timeouts.attempt`.
        value: As JSON has it; durations, sizes and shares as text with their unit.
        text: As YAML has it, on one line.
        origin: `default`, or `file:line`.
    """

    key: str
    value: Any
    text: str
    origin: str


def names_of(policies: PolicySet) -> list[str]:
    """Return the names that `effective` knows, files for everything first."""
    first = ["auth"] if policies.auth is not None else []
    single = ["operations", "defaults", "store", "network", *(["console"] if policies.console else [])]
    clients = [f"clients/{name}" for name in ("default", *sorted(policies.clients))]
    return [*first, *single, *sorted(policies.upstreams), *clients]


def effective(policies: PolicySet, name: str) -> list[Effective]:
    """Return every value of the policy *name* with its origin, in the order of the reference page.

    Args:
        policies: Where to look.
        name: `auth`, `operations`, `defaults`, `store`, `network`, `console`, `clients/NAME`, or the name of an
            upstream, which may be written `upstreams/NAME`.

    Raises:
        KeyError: There is no such policy.
    """
    upstream = name.removeprefix("upstreams/")
    if upstream in policies.upstreams and name not in {"auth", "operations", "defaults", "store"}:
        model: BaseModel = policies.upstreams[upstream]
        document = policies.documents.get(f"upstreams/{upstream}")
    elif name == "operations":
        model, document = policies.operations, policies.documents.get(name)
    elif name == "defaults":
        model, document = policies.defaults, policies.documents.get(name)
    elif name == "store":
        model, document = policies.store, policies.documents.get(name)
    elif name == "auth" and policies.auth is not None:
        model, document = policies.auth, policies.documents.get(name)
    elif name == "network":
        model, document = policies.network or NetworkPolicy(), policies.documents.get(name)
    elif name == "console" and policies.console is not None:
        model, document = policies.console, policies.documents.get(name)
    elif name == "clients/default":
        model, document = policies.client_defaults or ClientDefaults(), policies.documents.get(name)
    elif name.removeprefix("clients/") in policies.clients:
        client = name.removeprefix("clients/")
        model, document = policies.clients[client], policies.documents.get(f"clients/{client}")
    else:
        raise KeyError(name)
    return list(_values(model, model.model_dump(mode="json"), document or Located({}, Mark("")), ()))


def effective_for(policies: PolicySet, upstream: str, endpoint: str) -> list[Effective]:
    """Return every value that is in force for *endpoint* of *upstream*, with the origin that decided it.

    What the endpoint says goes before what its group says, and that before what the upstream says; keys are those
    of an upstream.

    Raises:
        KeyError: There is no such upstream. An endpoint that no policy names has the upstream's values.
    """
    policy = policies.upstreams[upstream]
    document = policies.documents.get(f"upstreams/{upstream}") or Located({}, Mark(""))
    chain = policy.chain(endpoint)
    parts: list[Path] = [("endpoints", endpoint)]
    parts += [("groups", name) for name, group in policy.groups.items() if endpoint in group.endpoints]
    sections = {
        "timeouts": chain.timeouts,
        "retry": chain.retry,
        "hedge": chain.hedge,
        "breaker": chain.breaker,
        "cache": chain.cache,
        "fallback": chain.fallback,
        "cost": chain.cost,
    }
    whole = policy.model_copy(update=sections)
    return [
        next((replace(one, origin=origin) for part in parts if (origin := _stated(document, part, one.key))), one)
        for one in _values(whole, whole.model_dump(mode="json"), document, ())
        if one.key.partition(".")[0] not in {"groups", "endpoints"}
    ]


def _stated(document: Located, part: Path, key: str) -> str | None:
    found = document.find((*part, *key.split(".")))
    at = found and (found.key_at or found.at)
    return f"{at.file}:{at.line}" if at else None


def _values(model: BaseModel, dumped: dict[str, Any], document: Located, path: Path) -> Iterator[Effective]:
    for name, field in type(model).model_fields.items():
        key, value = (*path, name), getattr(model, name)
        if isinstance(model, Part) and name not in model.model_fields_set:
            continue
        if model_in(field.annotation):
            yield from _values(value, dumped[name], document, key)
        elif isinstance(value, dict) and value and entry_in(field.annotation):
            for entry, inner in value.items():
                yield from _values(inner, dumped[name][entry], document, (*key, entry))
        elif isinstance(value, tuple) and value and all(isinstance(entry, BaseModel) for entry in value):
            for place, entry in enumerate(value):
                yield from _values(entry, dumped[name][place], document, (*key, place))
        elif isinstance(value, dict) and value:
            for entry in value:
                text = field_as_yaml(field, value[entry])
                yield _effective(document, (*key, entry), dumped[name][entry], text)
        else:
            plain = sorted(dumped[name]) if isinstance(value, frozenset) else dumped[name]
            yield _effective(document, key, plain, field_as_yaml(field, value))


def _effective(document: Located, path: Path, value: Any, text: str) -> Effective:
    stated = document.find(path)
    at = stated and (stated.key_at or stated.at)
    return Effective(key_text(path), value, text, f"{at.file}:{at.line}" if at else DEFAULT)
