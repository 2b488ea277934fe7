"""`bff schema`: the schema as clients see it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bff.cli.output import Format, FormatOption, Unusable, example, say, say_json
from bff.cli.project import (
    OperationsOption,
    PoliciesOption,
    SchemaOption,
    directory,
    import_schema,
    relative,
    setting,
)

if TYPE_CHECKING:
    from graphql import GraphQLSchema

app = typer.Typer(
    help="Print the schema, and compare it with an older one.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def schema() -> None:
    """Print the schema, and compare it with an older one."""


@app.command("print", epilog=example("bff schema print --schema schema:schema > schema.graphql"))
def print_schema(
    schema: SchemaOption = None,
    semantic: Annotated[
        bool | None,
        typer.Option("--semantic-non-null", help="Mark fields that are null only where something went wrong."),
    ] = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Print the schema in GraphQL's own language (SDL).

    With --semantic-non-null, a nullable field whose resolver never returns None has the directive
    @semanticNonNull, a draft of the specification that some clients understand.
    """
    from graphql import GraphQLSchema  # noqa: PLC0415 - slow to import
    from graphql import print_schema as sdl_of  # noqa: PLC0415 - slow to import

    found = import_schema(schema)
    text = sdl_of(found) if isinstance(found, GraphQLSchema) else found.as_str()
    if semantic:
        from bff.cli.check_schema import as_graphql  # noqa: PLC0415 - slow to import
        from bff.execution.semantic import marked, semantic_fields  # noqa: PLC0415

        text = marked(text, list(semantic_fields(as_graphql(found))))
    if output is Format.JSON:
        say_json({"sdl": text})
    else:
        say(text)


@app.command("check", epilog=example("bff schema check released.graphql --operations schema/operations"))
def check(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The older schema, as SDL.")],
    schema: SchemaOption = None,
    operations: OperationsOption = None,
    policies: PoliciesOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Tell which operations break when this schema replaces an older one: whose, and in which file.

    Operations are those of the folder and those that clients have registered (`bff documents register`).

    Breaking changes that hit an operation are errors; those that hit none, and dangerous ones, are
    notes, which do not fail.
    """
    from bff.cli import check_changes, findings  # noqa: PLC0415 - slow to import
    from bff.cli.check_operations import read_documents  # noqa: PLC0415
    from bff.cli.check_schema import as_graphql  # noqa: PLC0415
    from bff.cli.documents import registered  # noqa: PLC0415

    sent = check_changes.of_files(read_documents(directory("operations", operations)))
    sent += check_changes.of_manifests(registered(directory("policies", policies)) if _is_set(policies) else ())
    before = _read(old)
    now = as_graphql(import_schema(schema))
    found = list(check_changes.findings(before, now, sent, old_file=relative(old)))
    compared = f"{findings.counted(len(sent), 'document')} held against {relative(old)} and the schema of today"
    raise typer.Exit(findings.report(found, output, fine=compared))


def _is_set(policies: Path | None) -> bool:
    """Whether it is said where policies are; without any, nobody has registered anything."""
    try:
        setting("policies", policies)
    except Unusable:
        return False
    return True


def _read(path: Path) -> "GraphQLSchema":
    from graphql import GraphQLError, Source, build_schema  # noqa: PLC0415 - slow to import

    try:
        return build_schema(Source(path.read_text("utf-8"), relative(path)))
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path} cannot be read: {error}") from error
    except GraphQLError as error:
        at = error.locations[0] if error.locations else None
        place = f"{relative(path)}:{at.line}:{at.column}" if at else relative(path)
        raise Unusable(f"{place}: {error.message.rstrip('.')}") from error
    except TypeError as error:
        raise Unusable(f"{relative(path)}: {error}") from error
