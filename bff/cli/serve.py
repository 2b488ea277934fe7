"""`bff serve`: the endpoint, until a signal says to leave."""

import gc
import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bff.cli.output import FINE, Format, FormatOption, Unusable, say, say_json
from bff.cli.project import OperationsOption, PoliciesOption, SchemaOption

if TYPE_CHECKING:
    from bff.policy.load import PolicySet
    from bff.settings import Settings

_NEW_OBJECTS = 50_000
"""Objects between two rounds of the garbage collector: what is imported stays, and looking at it takes a while."""

HostOption = Annotated[str | None, typer.Option(help="Address of the public port. Also BFF_HOST.")]
PortOption = Annotated[int | None, typer.Option(help="Public port, 8000; 0 takes a free one. Also BFF_PORT.")]
AdminHostOption = Annotated[
    str | None, typer.Option(help="Address of the admin port, loopback. Also BFF_ADMIN_HOST.")
]
VerboseOption = Annotated[bool | None, typer.Option(help="Log every attempt and operation. Also BFF_VERBOSE.")]
LogFormatOption = Annotated[
    str | None,
    typer.Option(metavar="json|text", help="Log lines for collectors, or for people. Also BFF_LOG_FORMAT."),
]
AdminPortOption = Annotated[
    int | None, typer.Option(help="Admin port: health, console; 8001. Also BFF_ADMIN_PORT.")
]


def serve(  # noqa: PLR0917 - typer reads options from parameters
    schema: SchemaOption = None,
    context: Annotated[
        str | None,
        typer.Option(metavar="MODULE:ATTR", help="Makes the application's own context. Also BFF_CONTEXT."),
    ] = None,
    lifespan: Annotated[
        str | None,
        typer.Option(metavar="MODULE:ATTR", help="Opens and closes what it needs. Also BFF_LIFESPAN."),
    ] = None,
    policies: PoliciesOption = None,
    operations: OperationsOption = None,
    host: HostOption = None,
    port: PortOption = None,
    admin_host: AdminHostOption = None,
    admin_port: AdminPortOption = None,
    workers: Annotated[int | None, typer.Option(help="Processes on the same port, 1. Also BFF_WORKERS.")] = None,
    redis_url: Annotated[
        str | None,
        typer.Option(help="The Redis that replicas share; none: all in the process. Also BFF_REDIS_URL."),
    ] = None,
    development: Annotated[
        bool | None, typer.Option(help="Open introspection and GraphiQL. Also BFF_DEVELOPMENT.")
    ] = None,
    watch: Annotated[
        bool | None,
        typer.Option(help="Read policies anew when their files change; else on SIGHUP. Also BFF_WATCH."),
    ] = None,
    verbose: VerboseOption = None,
    log_format: LogFormatOption = None,
    format_: FormatOption = Format.HUMAN,
) -> None:
    """Serve the schema until SIGTERM or Ctrl+C, then finish what is in flight; a second signal ends it at once.

    With no policy folder, defaults rule.
    """
    settings = gather(
        {
            "schema_name": schema,
            "context": context,
            "lifespan": lifespan,
            "policies": policies,
            "operations": operations,
            "host": host,
            "port": port,
            "admin_host": admin_host,
            "admin_port": admin_port,
            "workers": workers,
            "redis_url": redis_url,
            "development": development,
            "watch": watch,
            "verbose": verbose,
            "log_format": log_format,
        }
    )
    raise typer.Exit(run(settings, format_))


def for_terminal(log_format: str | None) -> str | None:
    """Return *log_format*; that for people where neither it nor BFF_LOG_FORMAT is given and a terminal reads."""
    if log_format or os.environ.get("BFF_LOG_FORMAT") or not sys.stderr.isatty():
        return log_format
    return "text"


def gather(options: Mapping[str, Any]) -> "Settings":
    """Return the settings of this process.

    Raises:
        Unusable: One of them cannot be used.
    """
    from bff.settings import Settings, SettingsError  # noqa: PLC0415 - slow to import

    try:
        return Settings.gather(options, environ=os.environ)
    except SettingsError as error:
        raise Unusable(str(error)) from error


def valid_policies(settings: "Settings") -> "PolicySet":
    """Return the policies that *settings* name.

    Raises:
        Unusable: They are not valid; the message says everything that is wrong.
    """
    from bff.app import policies_of  # noqa: PLC0415 - slow to import
    from bff.auth.assemble import require_usable  # noqa: PLC0415
    from bff.policy.problem import PolicyError  # noqa: PLC0415

    try:
        policies = policies_of(settings)
        require_usable(policies.auth, policies.documents.get("auth"))
    except PolicyError as error:
        raise Unusable(f"the policies are not valid, nothing was started:\n{error}") from error
    return policies


def checked(settings: "Settings") -> "PolicySet":
    """Return the policies that *settings* name, once all is there that a process needs beside them and the schema.

    Raises:
        Unusable: Something is not.
    """
    from bff.app import seal_of  # noqa: PLC0415 - slow to import
    from bff.clock import SystemClock  # noqa: PLC0415
    from bff.settings import SettingsError  # noqa: PLC0415
    from bff.telemetry.tracing import UnknownExporter, require_known_exporter  # noqa: PLC0415

    try:
        require_known_exporter(os.environ)
        policies = valid_policies(settings)
        seal_of(policies.store, clock=SystemClock())
    except (UnknownExporter, SettingsError) as error:
        raise Unusable(str(error)) from error
    return policies


def run(settings: "Settings", format_: Format, *, hints: str = "") -> int:
    """Serve with *settings* and return the exit code.

    Raises:
        Unusable: The schema cannot be imported or the policies are not valid; nothing was started.
    """
    gc.set_threshold(_NEW_OBJECTS)
    from bff.app import build, operations_of  # noqa: PLC0415 - slow to import
    from bff.cli.project import import_schema  # noqa: PLC0415
    from bff.server.run import Address, serve  # noqa: PLC0415

    import_schema(settings.schema_name)
    policies = checked(settings)

    def announce(line: str) -> None:
        if format_ is Format.JSON:
            say_json({"ready": line})
        else:
            say(line)

    return (
        serve(
            partial(build, settings),
            public=Address(settings.host, settings.port),
            admin=Address(settings.admin_host, settings.admin_port),
            policy=operations_of(policies, development=settings.development).drain,
            workers=settings.workers,
            say=announce,
            hints="" if format_ is Format.JSON else hints,
        )
        or FINE
    )
