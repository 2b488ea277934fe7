"""Reads a directory of policies: all of it is right, or every problem in it is told at once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from bff.policy.base import Policy
from bff.policy.caching import StorePolicy
from bff.policy.document import MAX_BYTES, Located, Mark, merge, parse
from bff.policy.explain import explain
from bff.policy.model import OperationsPolicy, UpstreamDefaults, UpstreamPolicy
from bff.policy.problem import PolicyError, Problem
from bff.policy.units import format_duration

KNOWN_FILES = "operations.yaml, defaults.yaml, store.yaml, upstreams/NAME.yaml"
"""What a directory of policies may hold, besides Markdown pages, `schema/`, `documents/` and hidden files."""

_UPSTREAM_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_NOT_IN_DEFAULTS = dict.fromkeys(("hosts", "alias"), "policies/upstreams/NAME.yaml")
_SINGLE_FILES = frozenset({"operations.yaml", "defaults.yaml", "store.yaml"})
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
    """

    operations: OperationsPolicy = field(default_factory=OperationsPolicy)
    defaults: UpstreamDefaults = field(default_factory=UpstreamDefaults)
    upstreams: Mapping[str, UpstreamPolicy] = field(default_factory=dict)
    documents: Mapping[str, Located] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    store: StorePolicy = field(default_factory=StorePolicy)


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


def load(directory: Path) -> PolicySet:
    """Return the policies in *directory*; a file that is not there leaves its values at their defaults.

    Raises:
        PolicyError: Something is wrong; it carries every problem of every file.
    """
    reading = read(directory)
    if reading.policies is None:
        raise PolicyError([problem for problem in reading.problems if problem.level == "error"])
    return reading.policies


def read(directory: Path) -> Reading:
    """Return the policies in *directory* and everything that is wrong with them."""
    if not directory.is_dir():
        what = (
            "this is no directory; policies are files in one"
            if directory.exists()
            else "there is no such directory"
        )
        return Reading(None, (Problem(directory.as_posix(), 1, 1, "", what),), frozenset())
    try:
        return _Loader(directory).read()
    except OSError as error:
        problem = Problem(str(error.filename or directory), 1, 1, "", f"cannot be read: {error.strerror}")
        return Reading(None, (problem,), frozenset())


class _Loader:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
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
        names = sorted(name for name in files if name.startswith("upstreams/"))
        self._put_over_defaults(names)
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
        )
        return Reading(policies, problems, known)

    def _files(self) -> Iterator[tuple[str, Path]]:
        """Return the policy files by their name without `.yaml`, and refuse every other file."""
        for path in sorted(self._directory.iterdir()):
            if path.name in _SINGLE_FILES and path.is_file():
                yield path.stem, path
            elif path.name == "upstreams" and path.is_dir():
                yield from self._upstream_files(path)
            elif not (_is_ignored(path) or (path.name in _OTHER_FOLDERS and path.is_dir())):
                self._refuse_file(path)

    def _upstream_files(self, directory: Path) -> Iterator[tuple[str, Path]]:
        for path in sorted(directory.iterdir()):
            if path.suffix == ".yaml" and path.is_file() and _UPSTREAM_NAME.fullmatch(path.stem):
                yield f"upstreams/{path.stem}", path
            elif not _is_ignored(path):
                self._refuse_file(path)

    def _refuse_file(self, path: Path) -> None:
        name = path.relative_to(self._directory).as_posix()
        right = re.sub(r"\.ya?ml$", "", name.lower()).replace(" ", "-") + ".yaml"
        usual = right in _SINGLE_FILES or (
            right.startswith("upstreams/") and _UPSTREAM_NAME.fullmatch(Path(right).stem)
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
        document, problems = parse(file, content)
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

    def _put_over_defaults(self, names: list[str]) -> None:
        """Complete each upstream's document by what `defaults.yaml` says."""
        defaults = self._documents.get("defaults")
        if defaults is None:
            return
        usable = {key: entry for key, entry in defaults.value.items() if key not in _NOT_IN_DEFAULTS}
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
            elsewhere = _NOT_IN_DEFAULTS if model is UpstreamDefaults else {}
            self._note(explain(error, model, document, elsewhere))
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
