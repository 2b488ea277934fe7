"""All commands put together, and the one place where their failures become exit codes.

A command is a function in a file of its name whose parameters are its options; it imports what is heavy inside.
To add one, write the file and put it into `build`.
"""

import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated, Any

import typer

from bff.cli import cache, check, demo, dev, documents, explain, new, policies, reload, schema, serve, token, why
from bff.cli.output import UNUSABLE, Unusable, example, say

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def build() -> typer.Typer:
    """Return the application with every command."""
    app = typer.Typer(
        name="bff",
        help=(
            "One GraphQL endpoint in front of many services, which stays up when they do not.\n\n"
            "Exit codes: 0 all is well, 1 something was found, 2 wrong usage or input that cannot be read."
        ),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings=_SETTINGS,
    )
    app.callback(invoke_without_command=True)(options)
    app.command("serve", epilog=example("bff serve --schema schema:schema --port 8000"))(serve.serve)
    app.command("demo", epilog=example("bff demo"))(demo.demo)
    app.command("dev", epilog=example("bff dev"))(dev.dev)
    app.command("new", epilog=example("bff new bookshop"))(new.new)
    command = "bff check --schema schema:schema --policies policies --operations schema/operations"
    app.command("check", epilog=example(command))(check.check)
    command = "bff explain schema/operations/home.graphql --without reviews"
    app.command("explain", epilog=example(command))(explain.explain)
    app.command("reload", epilog=example("bff reload"))(reload.reload)
    app.command("why", epilog=example("bff why 4f9a1c --log bff.log"))(why.why)
    app.add_typer(policies.app, name="policies")
    app.add_typer(cache.app, name="cache")
    app.add_typer(documents.app, name="documents")
    app.add_typer(schema.app, name="schema")
    app.add_typer(token.app, name="token")
    return app


def options(
    version: Annotated[bool | None, typer.Option("--version", help="Print the version.")] = None,
) -> None:
    """Answer to the options of `bff` itself."""
    if version:
        say(f"bff {metadata.version('bff')}")
        raise typer.Exit


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command that *arguments* name and return its exit code; no failure ends in a traceback.

    `BFF_DEBUG=1` in the environment shows the traceback of a fault of ours.
    """
    given: dict[str, Any] = {} if arguments is None else {"args": list(arguments)}
    try:
        build()(prog_name="bff", **given)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else UNUSABLE if stop.code else 0
    except Unusable as error:
        print(f"bff: {error}", file=sys.stderr)  # noqa: T201 - this is what a command line does
        return UNUSABLE
    except Exception as error:
        if os.environ.get("BFF_DEBUG") == "1":
            raise
        print(f"bff: a fault of ours: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 - as above
        print("bff: BFF_DEBUG=1 shows where it happened; please report it", file=sys.stderr)  # noqa: T201 - as above
        return UNUSABLE
    return 0
