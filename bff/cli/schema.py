"""`bff schema`: the schema as clients see it."""

import typer

from bff.cli.output import Format, FormatOption, example, say, say_json
from bff.cli.project import SchemaOption, import_schema

app = typer.Typer(help="Print the schema.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def schema() -> None:
    """Print the schema."""


@app.command("print", epilog=example("bff schema print --schema schema:schema > schema.graphql"))
def print_schema(schema: SchemaOption = None, output: FormatOption = Format.HUMAN) -> None:
    """Print the schema in GraphQL's own language (SDL)."""
    from graphql import GraphQLSchema  # noqa: PLC0415 - slow to import
    from graphql import print_schema as sdl_of  # noqa: PLC0415 - slow to import

    found = import_schema(schema)
    text = sdl_of(found) if isinstance(found, GraphQLSchema) else found.as_str()
    if output is Format.JSON:
        say_json({"sdl": text})
    else:
        say(text)
