"""`bff dev`: an application with its simulated services, served anew whenever its code changes."""

import contextlib
import shlex
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bff.cli.demo import Demo, commands_of, own_name, read_demo, with_progress
from bff.cli.dev_server import DevServer, tell
from bff.cli.output import Unusable
from bff.cli.serve import (
    AdminPortOption,
    LogFormatOption,
    PortOption,
    VerboseOption,
    for_terminal,
    gather,
    valid_policies,
)
from bff.cli.services import Process, end, listens, start, wait_until_listening
from bff.settings import Settings, SettingsError, tool_table

if TYPE_CHECKING:
    from bff.upstream.pipeline.balance import Host

_START_LIMIT = 10.0
_LOOK_AGAIN = 100
"""Milliseconds between two looks at the process that serves."""

_DEBOUNCE = 300
"""Milliseconds for which changes that come together are one: editors write a file in several steps."""

_MOST_NAMED = 3
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_WATCHED = frozenset({".py", ".graphql", ".toml", ".yaml", ".yml", ".json"})
_NOT_SERVED = frozenset({"tests", "venv", "dist", "build", ".ruff_cache"})


def dev(  # noqa: PLR0917 - typer reads options from parameters
    port: PortOption = None,
    admin_port: AdminPortOption = None,
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="COMMAND", help="A further service to start; may be given several times."),
    ] = None,
    services: Annotated[
        bool | None, typer.Option(help="Start what [tool.bff.demo] names, or only what --with names.")
    ] = None,
    verbose: VerboseOption = None,
    log_format: LogFormatOption = None,
) -> None:
    """Serve the application of this folder while you work on it, with its simulated services and GraphiQL open.

    A change of Python code, operations or pyproject.toml starts the server anew on the same ports, and a simulated
    service when it is its own code. What cannot be imported is shown, and the next change is waited for. Changed
    policies are taken over without that, as in production. Services are those under [tool.bff.demo] in
    ./pyproject.toml. Ctrl+C ends everything.
    """
    described = Demo(services=[]) if services is False else _described()
    read = partial(
        gather,
        {
            "port": port,
            "admin_port": admin_port,
            "verbose": verbose,
            "development": True,
            "log_format": for_terminal(log_format),
            "graphiql_headers": described.graphiql_headers or None,
        },
    )
    settings = read()
    crew = Crew([*commands_of(described), *(with_ or [])], _places(settings, described))
    hints = "\n".join(described.hints).replace("{bff}", own_name())
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(crew))
        server = stack.enter_context(contextlib.closing(DevServer(read, hints)))
        server.bind(settings)
        _end_once()
        with contextlib.suppress(KeyboardInterrupt):
            crew.start()
            _work(server, crew, Path.cwd(), Path.cwd() / (settings.policies or "policies"))
    tell("Ended.")


class Crew:
    """The simulated services.

    Args:
        commands: What starts them.
        places: Where they should listen, by upstream.
    """

    def __init__(self, commands: Sequence[str], places: "Mapping[str, Sequence[Host]]") -> None:
        self._commands = commands
        self._places = places if commands else {}
        self._running: dict[str, Process] = {}

    def start(self) -> None:
        """Start all, and wait until they listen; who does not is told.

        Raises:
            Unusable: Something listens there already.
        """
        taken = sorted({name for name, hosts in self._places.items() if any(map(listens, hosts))})
        if taken:
            raise Unusable(
                f"something listens already where {', '.join(taken)} would: is another one running? "
                "With --no-services what is there is used"
            )
        self._running = {command: _start(command) for command in self._commands}
        self._wait()

    def renew(self, changed: Sequence[Path]) -> None:
        """Start those services anew whose code is among the *changed* files, and those that have ended."""
        for command, process in list(self._running.items()):
            if process.poll() is not None or any(is_code_of(command, path) for path in changed):
                end([process])
                self._running[command] = _start(command)
                tell(f"Started anew: {command}", "green")

    def close(self) -> None:
        """End all."""
        end(list(self._running.values()))

    def _wait(self) -> None:
        processes = list(self._running.values())
        look = partial(wait_until_listening, self._places, processes, seconds=_START_LIMIT)
        absent = with_progress(look) if self._places else []
        for command, process in self._running.items():
            if process.poll() is not None:
                tell(f"{command} has ended with exit code {process.returncode}", "yellow")
        if absent:
            tell(f"Nobody listens where the policies expect {', '.join(absent)}", "yellow")


def is_code_of(command: str, path: Path) -> bool:
    """Return whether *path* is code of the module that *command* runs: `python -m upstreams.fakes`."""
    words = shlex.split(command)
    if "-m" not in words[:-1]:
        return path.name in {Path(word).name for word in words}
    module = Path(*words[words.index("-m") + 1].split("."))
    return path == module.with_suffix(".py") or path.is_relative_to(module)


def is_served(path: Path) -> bool:
    """Return whether the file at *path*, seen from the application's folder, may matter to what is served."""
    return path.suffix in _WATCHED and not _NOT_SERVED & set(path.parts)


def _work(server: DevServer, crew: Crew, directory: Path, policies: Path) -> None:
    """Serve until Ctrl+C; changes that come while the server starts are seen too."""
    from watchfiles import Change, DefaultFilter, watch  # noqa: PLC0415 - slow to import

    default = DefaultFilter()

    def matters(change: Change, path: str) -> bool:
        inside = Path(path).relative_to(directory)
        return is_served(inside) and default(change, str(inside))

    changes = watch(
        directory, watch_filter=matters, debounce=_DEBOUNCE, rust_timeout=_LOOK_AGAIN, yield_on_timeout=True
    )
    next(changes)
    server.start("")
    for found in changes:
        paths = sorted(Path(path).relative_to(directory) for _, path in found)
        crew.renew(paths)
        if any(not (directory / path).is_relative_to(policies) for path in paths) or (paths and not server.serves):
            more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
            server.stop()
            server.start(", ".join(map(str, paths[:_MOST_NAMED])) + more)
        server.look()


def _described() -> Demo:
    """Return what `[tool.bff.demo]` describes; nothing where there is none.

    Raises:
        Unusable: It is written wrongly.
    """
    try:
        if "demo" not in tool_table(Path("pyproject.toml")):
            return Demo(services=[])
        return read_demo(Path.cwd())
    except SettingsError as error:
        raise Unusable(str(error)) from error


def _places(settings: Settings, described: Demo) -> "dict[str, list[Host]]":
    """Return where what is *described* should listen, on this machine; none while the policies are not valid."""
    from bff.upstream.pipeline.balance import Host  # noqa: PLC0415 - slow to import

    places: dict[str, list[Host]] = {}
    if not described.services:
        return places
    with contextlib.suppress(Unusable):  # the server tells what is wrong with them
        for name, policy in valid_policies(settings).upstreams.items():
            hosts = [Host.parse(place.url) for place in policy.places]
            places[name] = [host for host in hosts if host.origin.host in _LOOPBACK]
    if described.issuer:
        places["issuer"] = [Host.parse(f"http://127.0.0.1:{described.issuer.port}")]
    return {name: hosts for name, hosts in places.items() if hosts}


def _start(command: str) -> Process:
    return start(command, {"BFF_DEVELOPMENT": "1"})


def _end_once() -> None:
    """Let SIGTERM end the command as Ctrl+C does, and a second one of either not disturb the cleaning up."""

    def interrupt(*_: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)
