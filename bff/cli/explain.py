"""`bff explain`: what an operation will do, before it runs."""

import json
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bff.cli.output import Format, FormatOption, Unusable, say, say_json
from bff.cli.project import PoliciesOption, SchemaOption, directory, import_schema, relative, setting

if TYPE_CHECKING:
    from graphql import DocumentNode, GraphQLSchema

    from bff.explain import Plan

FileArgument = Annotated[
    str,
    typer.Argument(metavar="OPERATION", help="A .graphql file, or the name of an operation of the app."),
]
NameOption = Annotated[
    str | None, typer.Option("--operation", metavar="NAME", help="Which operation of a file with several.")
]
VariablesOption = Annotated[
    str | None,
    typer.Option(
        "--variables",
        metavar="FILE|JSON",
        help="Variables as a file or as JSON; OPERATION.variables.json beside the file when left out.",
    ),
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="UPSTREAM", help="Tell what is left while it is down; may be repeated."),
]
SizesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--sizes",
        metavar="WHAT=NUMBER",
        help="Items of a list by its path (me.orders.edges=50), or different keys of an endpoint "
        "(catalog.dishes=137); may be repeated. 10 items when not known.",
    ),
]


def explain(  # noqa: PLR0917 - typer reads options from parameters
    operation: FileArgument,
    name: NameOption = None,
    variables: VariablesOption = None,
    without: WithoutOption = None,
    sizes: SizesOption = None,
    schema: SchemaOption = None,
    policies: PoliciesOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Explain what an operation will do: calls, time, cost, caching, and what is left without a service.

    Nothing is run or asked; schema, resolvers' declared calls and policies say it all.
    """
    from bff.cli.check_schema import as_graphql  # noqa: PLC0415 - slow to import
    from bff.cli.explain_tree import print_plan  # noqa: PLC0415
    from bff.cli.policies import load_policies  # noqa: PLC0415
    from bff.explain import Explainer, Question, Unexplainable  # noqa: PLC0415

    path, found_name = _find(operation)
    graphql_schema = as_graphql(import_schema(schema))
    document = _document(path, graphql_schema)
    question = Question(
        document,
        name or found_name,
        _variables(variables, path),
        without or (),
        _sizes(sizes or ()),
    )
    explainer = Explainer(graphql_schema, load_policies(directory("policies", policies)))
    try:
        plan: Plan = explainer.explain(question)
    except Unexplainable as error:
        raise Unusable(f"{relative(path)}: {error}") from error
    if output is Format.JSON:
        say_json(plan.as_json())
    else:
        say(print_plan(plan))


def _find(operation: str) -> tuple[Path, str | None]:
    """Return the file that *operation* means, and the name of the operation where that is how it was given."""
    path = Path(operation)
    if path.is_file():
        return path, None
    from bff.cli.check_operations import read_documents  # noqa: PLC0415 - slow to import

    if path.suffix:
        close = get_close_matches(path.name, [one.name for one in path.parent.glob("*.graphql")], n=1)
        hint = f"; did you mean {(path.parent / close[0]).as_posix()}?" if close else ""
        raise Unusable(f"there is no file {operation}{hint}")
    files: dict[str, Path] = {}
    for document in read_documents(directory("operations", Path(setting("operations", None)))):
        files |= {node.name.value: Path(document.file) for node in document.operations if node.name}
    if operation in files:
        return files[operation], operation
    close = get_close_matches(operation, files, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(files)) or 'none'}"
    raise Unusable(f"there is neither a file nor an operation {operation!r}; {hint}")


def _document(path: Path, schema: "GraphQLSchema") -> "DocumentNode":
    from graphql import GraphQLError, Source, parse, validate  # noqa: PLC0415 - slow to import

    try:
        document = parse(Source(path.read_text("utf-8"), relative(path)))
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{relative(path)} cannot be read: {error}") from error
    except GraphQLError as error:
        raise Unusable(_placed(path, error)) from error
    errors = validate(schema, document)
    if errors:
        raise Unusable(
            "the operation does not fit the schema:\n" + "\n".join(_placed(path, one) for one in errors)
        )
    return document


def _placed(path: Path, error: Any) -> str:
    at = error.locations[0] if error.locations else None
    place = f"{relative(path)}:{at.line}:{at.column}" if at else relative(path)
    return f"{place}: {error.message.rstrip('.')}"


def _variables(given: str | None, operation: Path) -> dict[str, Any]:
    beside = operation.with_suffix(".variables.json")
    if given is None and not beside.is_file():
        return {}
    if given is not None and given.lstrip().startswith("{"):
        where, text = "--variables", given
    else:
        file = Path(given) if given is not None else beside
        where = relative(file)
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Unusable(f"variables: {where} cannot be read: {error}") from error
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise Unusable(f"{where}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    if not isinstance(found, dict):
        raise Unusable(f"{where}: variables are a JSON object")
    return found


def _sizes(given: "list[str] | tuple[str, ...]") -> dict[str, float]:
    found = {}
    for one in given:
        what, _, number = one.rpartition("=")
        try:
            size = float(number)
        except ValueError:
            size = -1.0
        if not what or not 0 <= size < float("inf"):
            raise Unusable(f"--sizes {one!r}: write WHAT=NUMBER, such as me.orders.edges=50")
        found[what] = size
    return found
