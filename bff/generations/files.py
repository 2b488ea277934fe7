"""From the folder of policies to what a generation is made of; the same at the start and at every reload."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from bff.execution.trusted.assemble import registry_of
from bff.execution.trusted.registry import Registry
from bff.policy.base import Policy
from bff.policy.load import PolicySet, load
from bff.policy.model import OperationsPolicy
from bff.policy.parsed import Parsed
from bff.policy.problem import PolicyError, Problem
from bff.settings import Settings

_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the files said at one moment.

    Attributes:
        policies: All of them, as the files say it; what needs a restart is as it was at the start.
        registry: The registered documents.
        digest: Names the contents of the files.
        restart: Keys that are different in the files and need a restart.
    """

    policies: PolicySet
    registry: Registry
    digest: str
    restart: tuple[str, ...] = ()


class Files:
    """The folder of policies of one process, read again and again.

    Args:
        directory: The folder; None where there is none, and defaults rule.
    """

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self._parsed = Parsed()
        self._registry = Registry()

    def read(self, in_force: PolicySet | None = None) -> Configuration:
        """Return what the files say now; it takes 100 ms the first time, a tenth of it where little has changed.

        Args:
            in_force: The policies that would be replaced; None when the process begins.

        Raises:
            PolicyError: They are not valid.
        """
        if self.directory is None:
            policies, parsed = PolicySet(), Parsed()
        else:
            parsed = Parsed(self._parsed)
            policies = load(self.directory, parsed)
        restart: tuple[str, ...] = ()
        if in_force is not None:
            _require_authentication(policies, in_force)
            restart = tuple(_restart_keys(policies, in_force))
            policies = _as_at_the_start(policies, in_force)
        registry = registry_of(policies.operations.documents, self.directory)
        if registry.manifests == self._registry.manifests:
            registry = self._registry
        digest = _digest(parsed.close(), registry)
        self._parsed, self._registry = parsed, registry
        return Configuration(policies, registry, digest, restart)


def _require_authentication(policies: PolicySet, in_force: PolicySet) -> None:
    """Refuse policies without the file that says who may call, where there was one.

    Raises:
        PolicyError: It is gone.
    """
    if in_force.auth is not None and policies.auth is None:
        what = "the file is gone, and without it everybody would be let in; put it back, or restart without it"
        known = in_force.documents.get("auth")
        raise PolicyError([Problem(known.at.file if known else "policies/auth.yaml", 1, 1, "", what)])


def _restart_keys(policies: PolicySet, in_force: PolicySet) -> Iterator[str]:
    """Return the keys whose values are others than the process goes by, and cannot change before it restarts."""
    yield from _different("operations.drain", policies.operations.drain, in_force.operations.drain)
    yield from _different("store", policies.store, in_force.store)


def _different(section: str, wanted: Policy, in_force: Policy) -> Iterator[str]:
    for name in type(wanted).model_fields:
        if getattr(wanted, name) != getattr(in_force, name):
            yield f"{section}.{name}"


def _as_at_the_start(policies: PolicySet, in_force: PolicySet) -> PolicySet:
    """Return *policies* with what cannot change as it is."""
    operations = policies.operations.model_copy(update={"drain": in_force.operations.drain})
    return replace(policies, store=in_force.store, operations=operations)


def _digest(of_policies: str, registry: Registry) -> str:
    digest = sha256(of_policies.encode())
    for manifest in registry.manifests:
        for document in manifest.documents:
            digest.update(f"{document.id} {document.text}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:_DIGITS]


def policies_of(settings: Settings) -> PolicySet:
    """Return the policies that *settings* name; all defaults where they name none and there is no `policies`.

    Raises:
        PolicyError: They are not valid.
    """
    directory = policies_directory(settings)
    return load(directory) if directory else PolicySet()


def policies_directory(settings: Settings) -> Path | None:
    """Return the folder of policies, None where *settings* name none and there is no `policies`."""
    directory = settings.policies or Path("policies")
    return directory if settings.policies or directory.is_dir() else None


def operations_of(policies: PolicySet, *, development: bool) -> OperationsPolicy:
    """Return the operations policy in force; development opens schema and GraphiQL, and ends without delay."""
    operations = policies.operations
    if not development:
        return operations
    drain = operations.drain.model_copy(update={"delay": timedelta(0)})
    return operations.model_copy(update={"introspection": "allow", "graphiql": "allow", "drain": drain})


def contents_of(references: Iterable[str | None]) -> tuple[bytes | None, ...]:
    """Return the hash of each file that `file:PATH` names, None where there is none.

    Certificates may be replaced under the same name; a part that was made of them is then made anew.
    """
    return tuple(map(_content, references))


def _content(reference: str | None) -> bytes | None:
    if reference is None or not reference.startswith("file:"):
        return None
    try:
        return sha256(Path(reference.removeprefix("file:")).read_bytes()).digest()
    except OSError:
        return None
