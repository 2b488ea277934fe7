"""`bff demo`: an application with its simulated services, GraphiQL open, ready to be broken."""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from shutil import which
from typing import Any

import typer
from pydantic import BaseModel, ConfigDict, ValidationError

from bff.auth.development.model import IssuerConfig
from bff.cli.output import Format, FormatOption, Unusable
from bff.cli.project import relative
from bff.cli.serve import (
    AdminPortOption,
    LogFormatOption,
    PortOption,
    VerboseOption,
    for_terminal,
    gather,
    run,
    valid_policies,
)
from bff.cli.services import listens, running, wait_until_listening
from bff.settings import SettingsError, tool_table

_START_LIMIT = 30.0
_ISSUER = "python -m bff.auth.development"


class Demo(BaseModel):
    """`[tool.bff.demo]` in pyproject.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secrets: list[str] = []
    """Environment variables that get a random value for the time of the demo, where they have none."""

    issuer: IssuerConfig | None = None
    """The development issuer that is started with the services; none where this is left out."""

    services: list[str]
    """Commands that start the simulated services; `python` stands for the running interpreter."""

    graphiql_headers: dict[str, str] = {}
    """Headers that GraphiQL starts with."""

    hints: list[str] = []
    """What to try; shown when all is up. `{bff}` stands for this command as one can type it, `{admin}` for the
    address of the admin port."""


def read_demo(directory: Path) -> Demo:
    """Return the demo that *directory*'s pyproject.toml describes.

    Raises:
        SettingsError: It describes none, or wrongly.
    """
    file = directory / "pyproject.toml"
    table = tool_table(file).get("demo")
    if not isinstance(table, dict):
        raise SettingsError(
            f"{file} has no [tool.bff.demo]: write one with the commands that start your simulated services, "
            'such as services = ["python -m upstreams.simulation all"]'
        )
    try:
        return Demo(**table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{key} in [tool.bff.demo] of {file}: {first['msg']}") from error


def demo(
    port: PortOption = None,
    admin_port: AdminPortOption = None,
    verbose: VerboseOption = None,
    log_format: LogFormatOption = None,
    format_: FormatOption = Format.HUMAN,
) -> None:
    """Start the application's simulated services and serve it, with GraphiQL and introspection open.

    What is started is written in [tool.bff.demo] of ./pyproject.toml. Ctrl+C ends everything.
    """
    from bff.upstream.pipeline.balance import Host  # noqa: PLC0415

    options: dict[str, Any] = {"port": port, "admin_port": admin_port, "verbose": verbose, "development": True}
    options["log_format"] = for_terminal(log_format)
    try:
        described = read_demo(Path.cwd())
    except SettingsError as error:
        raise Unusable(str(error)) from error
    settings = gather({**options, "graphiql_headers": described.graphiql_headers})
    policies = valid_policies(settings)
    places = {
        name: [Host.parse(place.url) for place in policy.places] for name, policy in policies.upstreams.items()
    }
    if described.issuer:
        places["issuer"] = [Host.parse(f"http://127.0.0.1:{described.issuer.port}")]
    taken = sorted({name for name, hosts in places.items() if any(map(listens, hosts))})
    if taken:
        raise Unusable(f"something listens already where {', '.join(taken)} would: is another demo running?")
    with running(commands_of(described), environ={"BFF_DEVELOPMENT": "1"}) as processes:
        absent = with_progress(partial(wait_until_listening, places, processes, seconds=_START_LIMIT))
        if absent:
            raise Unusable(f"no sign of {', '.join(absent)}: run the commands under [tool.bff.demo] to see why")
        code = run(settings, format_, hints="\n".join(described.hints).replace("{bff}", own_name()))
    raise typer.Exit(code)


def commands_of(described: Demo) -> list[str]:
    """Return the commands that start what *described* has, whose secrets are in the environment from now on."""
    for name in described.secrets:
        os.environ.setdefault(name, token_urlsafe(32))
    return [*([_ISSUER] if described.issuer else []), *described.services]


def own_name() -> str:
    """Return how this command is called from the current directory."""
    beside = Path(sys.executable).with_name("bff")
    return "bff" if which("bff") or not beside.exists() else relative(beside)


def with_progress(wait: Callable[..., list[str]]) -> list[str]:
    """Return what *wait* returns, with its progress shown as a bar on standard error."""
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (
        TextColumn("Starting services"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int, waiting_for: str) -> None:
            bar.update(task, completed=done, total=total, description=waiting_for)

        return wait(progress=show)
