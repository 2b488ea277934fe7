"""Reads a directory of policies: all of it is right, or every problem in it is told at once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from bff.policy.auth import AuthPolicy
from bff.policy.base import Policy
from bff.policy.caching import StorePolicy
from bff.policy.client_files import same_client, unproven_limits
from bff.policy.clients import ClientDefaults, ClientPolicy
from bff.policy.console import ConsolePolicy
from bff.policy.document import MAX_BYTES, Located, Mark, merge
from bff.policy.explain import explain
from bff.policy.model import OperationsPolicy, UpstreamDefaults, UpstreamPolicy
from bff.policy.network import NetworkPolicy
from bff.policy.parsed import Parsed
from bff.policy.problem import PolicyError, Problem
from bff.policy.units import format_duration

KNOWN_FILES = (
    "auth.yaml, operations.yaml, defaults.yaml, store.yaml, network.yaml, console.yaml, upstreams/NAME.yaml, "
    "clients/NAME.yaml"
)
"""What a directory of policies may hold, besides Markdown pages, `schema/` and hidden files."""
_UPSTREAM_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_NOT_IN_DEFAULTS = dict.fromkeys(
    ("hosts", "alias", "credentials", "canary", "shadow"), "policies/upstreams/NAME.yaml"
)
_NOT_IN_CLIENT = dict.fromkeys(
    [name for name in ClientDefaults.model_fields if name not in ClientPolicy.model_fields],
    "policies/clients/default.yaml",
)
_NOT_IN_CLIENT_DEFAULTS = {"match": "policies/clients/NAME.yaml"}
_ELSEWHERE: Mapping[type[Policy], Mapping[str, str]] = {
    UpstreamDefaults: _NOT_IN_DEFAULTS,
    ClientPolicy: _NOT_IN_CLIENT,
    ClientDefaults: _NOT_IN_CLIENT_DEFAULTS,
}
_SINGLE_FILES = frozenset(
    {"auth.yaml", "operations.yaml", "defaults.yaml", "store.yaml", "network.yaml", "console.yaml"}
)
_FOLDERS = frozenset({"upstreams", "clients"})
_DEFAULT_CLIENT = "clients/default"
_DRAIN_LIMIT_SECONDS = 30
_OTHER_FOLDERS = frozenset({"schema", "documents"})

P = TypeVar("P", bound=Policy)


@dataclass(frozen=True, slots=True)
class PolicySet:
    """All policies of one directory, valid together.

    Attributes:
        operations: What clients may ask.
        defaults: How services are called unless their own file says otherwise.
        upstreams: How each service is called, by its name; the defaults are already in it.
        documents: What the files say, by `operations`, `defaults` and `upstreams/NAME`, for `bff.policy.resolve`.
        warnings: What is allowed and probably not meant.
        store: How what replicas share is reached.
        auth: Who may call; None where no file says it, and nobody looks at credentials.
        network: Whose connections are served, and what browsers may do; None where no file says it.
        client_defaults: What holds for every client; None where there is no folder `clients`, and nothing limited.
        clients: What is different for single clients, by name; the defaults are already in it.
        console: Who may look and act on the admin port; None where no file says it.
    """

    operations: OperationsPolicy = field(default_factory=OperationsPolicy)
    defaults: UpstreamDefaults = field(default_factory=UpstreamDefaults)
    upstreams: Mapping[str, UpstreamPolicy] = field(default_factory=dict)
    documents: Mapping[str, Located] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    store: StorePolicy = field(default_factory=StorePolicy)
    auth: AuthPolicy | None = None
    network: NetworkPolicy | None = None
    client_defaults: ClientDefaults | None = None
    clients: Mapping[str, ClientPolicy] = field(default_factory=dict)
    console: ConsolePolicy | None = None


class Reading(NamedTuple):
    """What reading a directory brought.

    Attributes:
        policies: None where any problem is an error.
        problems: Everything that is wrong, in the order of files and lines; warnings too.
        upstreams: The names that have a file, whether or not it can be used.
    """

    policies: PolicySet | None
    problems: tuple[Problem, ...]
    upstreams: frozenset[str]


def load(directory: Path, parsed: Parsed | None = None) -> PolicySet:
    """Return the policies in *directory*; a file that is not there leaves its values at their defaults.

    *parsed* parses the files, where the caller knows some of them already.

    Raises:
        PolicyError: Something is wrong; it carries every problem of every file.
    """
    reading = read(directory, parsed)
    if reading.policies is None:
        raise PolicyError([problem for problem in reading.problems if problem.level == "error"])
    return reading.policies


def read(directory: Path, parsed: Parsed | None = None) -> Reading:
    """Return the policies in *directory* and everything that is wrong with them; *parsed* as for `load`."""
    if not directory.is_dir():
        what = (
            "this is no directory; policies are files in one"
            if directory.exists()
            else "there is no such directory"
        )
        return Reading(None, (Problem(directory.as_posix(), 1, 1, "", what),), frozenset())
    try:
        return _Loader(directory, parsed or Parsed()).read()
    except OSError as error:
        problem = Problem(str(error.filename or directory), 1, 1, "", f"cannot be read: {error.strerror}")
        return Reading(None, (problem,), frozenset())


class _Loader:
    def __init__(self, directory: Path, parsed: Parsed) -> None:
        self._directory = directory
        self._parsed = parsed
        self._problems: dict[Problem, None] = {}
        self._documents: dict[str, Located] = {}

    def read(self) -> Reading:
        files = dict(self._files())
        for name, path in files.items():
            document = self._document(path)
            if document:
                self._documents[name] = document
        operations = self._model("operations", OperationsPolicy, files)
        defaults = self._model("defaults", UpstreamDefaults, files)
        store = self._model("store", StorePolicy, files)
        auth = self._model("auth", AuthPolicy, files) if "auth" in files else None
        network = self._model("network", NetworkPolicy, files)
        console = self._model("console", ConsolePolicy, files)
        if "console" in files and "auth" not in files:
            self._note(_nobody_to_ask(self._documents.get("console")))
        client_defaults, clients = self._clients(files)
        names = sorted(name for name in files if name.startswith("upstreams/"))
        self._put_over("defaults", names, _NOT_IN_DEFAULTS)
        found = {name: self._model(name, UpstreamPolicy, files) for name in names}
        upstreams = {name.removeprefix("upstreams/"): policy for name, policy in found.items() if policy}
        if operations:
            self._note(_longer_than_operations(operations, upstreams, self._documents))
            self._note(_slow_drain(operations, self._documents))
        problems = tuple(sorted(self._problems, key=lambda problem: (problem.file, problem.line, problem.column)))
        known = frozenset(name.removeprefix("upstreams/") for name in names)
        if (
            operations is None
            or defaults is None
            or store is None
            or (auth is None and "auth" in files)
            or network is None
            or console is None
            or any(problem.level == "error" for problem in problems)
        ):
            return Reading(None, problems, known)
        policies = PolicySet(
            operations,
            defaults,
            MappingProxyType(upstreams),
            MappingProxyType(self._documents),
            tuple(problem for problem in problems if problem.level == "warning"),
            store,
            auth,
            network if "network" in files else None,
            client_defaults,
            MappingProxyType(clients),
            console if "console" in files else None,
        )
        return Reading(policies, problems, known)

    def _clients(self, files: Mapping[str, Path]) -> tuple[ClientDefaults | None, dict[str, ClientPolicy]]:
        """Return what holds for clients; None where there is no folder for them."""
        names = sorted(name for name in files if name.startswith("clients/") and name != _DEFAULT_CLIENT)
        self._put_over(_DEFAULT_CLIENT, names, _NOT_IN_CLIENT)
        defaults = self._model(_DEFAULT_CLIENT, ClientDefaults, files)
        found = {name: self._model(name, ClientPolicy, files) for name in names}
        clients = {name.removeprefix("clients/"): policy for name, policy in found.items() if policy}
        self._note(same_client(clients, self._documents))
        self._note(unproven_limits(clients, self._documents))
        return defaults if (self._directory / "clients").is_dir() else None, clients

    def _files(self) -> Iterator[tuple[str, Path]]:
        """Return the policy files by their name without `.yaml`, and refuse every other file."""
        for path in sorted(self._directory.iterdir()):
            if path.name in _SINGLE_FILES and path.is_file():
                yield path.stem, path
            elif path.name in _FOLDERS and path.is_dir():
                yield from self._files_in(path)
            elif not (_is_ignored(path) or (path.name in _OTHER_FOLDERS and path.is_dir())):
                self._refuse_file(path)

    def _files_in(self, directory: Path) -> Iterator[tuple[str, Path]]:
        for path in sorted(directory.iterdir()):
            if path.suffix == ".yaml" and path.is_file() and _UPSTREAM_NAME.fullmatch(path.stem):
                yield f"{directory.name}/{path.stem}", path
            elif not _is_ignored(path):
                self._refuse_file(path)

    def _refuse_file(self, path: Path) -> None:
        name = path.relative_to(self._directory).as_posix()
        right = re.sub(r"\.ya?ml$", "", name.lower()).replace(" ", "-") + ".yaml"
        usual = right in _SINGLE_FILES or (
            right.partition("/")[0] in _FOLDERS and "/" in right and _UPSTREAM_NAME.fullmatch(Path(right).stem)
        )
        what = f"policies have no file {name!r}; they are {KNOWN_FILES}"
        if usual and right == name:
            what = f"{name!r} is a folder" if path.is_dir() else f"{name!r} is no file that can be read"
        nearest = right if usual and right != name else None
        self._add(Problem(path.as_posix(), 1, 1, "", what, nearest=nearest))

    def _document(self, path: Path) -> Located | None:
        file = path.as_posix()
        try:
            with path.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        except OSError as error:
            self._add(Problem(file, 1, 1, "", f"cannot be read: {error.strerror}"))
            return None
        document, problems = self._parsed.parse(file, content)
        self._note(problems)
        if document and document.value is None:
            return Located({}, Mark(file))
        if document and not isinstance(document.value, dict):
            at = document.at
            self._add(
                Problem(
                    file,
                    at.line,
                    at.column,
                    "",
                    "a policy consists of lines such as key: value, not of a list or word",
                )
            )
            return None
        return document

    def _put_over(self, base_name: str, names: list[str], apart: Mapping[str, str]) -> None:
        """Complete the document of each of *names* by what *base_name* says, but for the keys *apart*."""
        defaults = self._documents.get(base_name)
        if defaults is None:
            return
        usable = {key: entry for key, entry in defaults.value.items() if key not in apart}
        base = Located(usable, defaults.at)
        for name in names:
            own = self._documents.get(name)
            if own:
                self._documents[name] = merge(base, own)

    def _model(self, name: str, model: type[P], files: Mapping[str, Path]) -> P | None:
        document = self._documents.get(name)
        if document is None:
            return None if name in files else model()
        try:
            return model.model_validate(document.plain())
        except ValidationError as error:
            self._note(explain(error, model, document, _ELSEWHERE.get(model, {})))
            return None

    def _note(self, problems: list[Problem] | Iterator[Problem]) -> None:
        for problem in problems:
            self._add(problem)

    def _add(self, problem: Problem) -> None:
        """Keep *problem*, once a place: what is wrong in `defaults.yaml` comes back with every upstream."""
        places = {(known.file, known.line, known.column, known.key) for known in self._problems}
        if (problem.file, problem.line, problem.column, problem.key) not in places or not problem.key:
            self._problems[problem] = None


def _is_ignored(path: Path) -> bool:
    return path.name.startswith(".") or path.suffix == ".md"


def _longer_than_operations(
    operations: OperationsPolicy, upstreams: Mapping[str, UpstreamPolicy], documents: Mapping[str, Located]
) -> Iterator[Problem]:
    """Refuse a call that may take longer than any operation."""
    longest = format_duration(operations.deadline_max)
    for name, policy in upstreams.items():
        total = format_duration(policy.timeouts.total)
        if policy.timeouts.total <= operations.deadline_max:
            continue
        document = documents[f"upstreams/{name}"]
        said = document.find(("timeouts", "total"))
        limit = documents["operations"].find(("deadline_max",)) if "operations" in documents else None
        at = (said and said.at) or (limit and limit.at) or document.at
        yield Problem(
            at.file,
            at.line,
            at.column,
            "timeouts.total",
            f"timeouts.total {total} of upstream {name} exceeds deadline_max {longest} of operations: "
            "no operation waits that long",
            write=f"timeouts: {{total: {longest}}}",
        )


def _nobody_to_ask(console: Located | None) -> Iterator[Problem]:
    """Refuse scopes that nobody can show."""
    at = console.at if console else Mark("policies/console.yaml")
    what = "nobody could look or act: no policies/auth.yaml says whose scopes are believed"
    yield Problem(at.file, at.line, at.column, "", what)


def _slow_drain(operations: OperationsPolicy, documents: Mapping[str, Located]) -> Iterator[Problem]:
    """Warn of a drain that Kubernetes ends by force: it grants 30 s unless told otherwise (DR-1)."""
    drain = operations.drain
    seconds = (drain.delay + drain.timeout).total_seconds()
    if seconds >= _DRAIN_LIMIT_SECONDS and "operations" in documents:
        document = documents["operations"]
        place = document.find(("drain",)) or document
        at = place.key_at or place.at
        yield Problem(
            at.file,
            at.line,
            at.column,
            "drain",
            f"drain.delay and drain.timeout make {seconds:g}s; Kubernetes kills a process after "
            f"{_DRAIN_LIMIT_SECONDS}s unless terminationGracePeriodSeconds is longer",
            write="drain: {delay: 5s, timeout: 20s}",
            level="warning",
        )
