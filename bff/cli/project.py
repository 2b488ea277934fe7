"""Which schema, policies and operations a command works on, and how they are found."""

import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bff.cli.output import Unusable

if TYPE_CHECKING:
    import strawberry
    from graphql import GraphQLSchema

SchemaOption = Annotated[
    str | None,
    typer.Option(
        "--schema", metavar="MODULE:ATTR", help="The strawberry.Schema. Also BFF_SCHEMA, [tool.bff] schema."
    ),
]
PoliciesOption = Annotated[
    Path | None,
    typer.Option("--policies", metavar="DIR", help="Folder of policies. Also BFF_POLICIES, [tool.bff] policies."),
]
OperationsOption = Annotated[
    Path | None,
    typer.Option(
        "--operations", metavar="DIR", help="Folder of .graphql files. Also BFF_OPERATIONS, [tool.bff] operations."
    ),
]

_EXAMPLES = {"schema": "schema:schema", "policies": "policies", "operations": "schema/operations"}


def setting(name: str, given: str | Path | None) -> str:
    """Return the setting *name*: what was *given*, or the environment says, or `[tool.bff]` in `pyproject.toml`.

    Raises:
        Unusable: None of the three says it.
    """
    if given is not None:
        return str(given)
    variable = f"BFF_{name.upper()}"
    found = os.environ.get(variable) or _project_settings().get(name)
    if not found:
        raise Unusable(
            f"no {name} given: pass --{name} {_EXAMPLES[name]}, or set {variable}={_EXAMPLES[name]}, "
            f'or write {name} = "{_EXAMPLES[name]}" under [tool.bff] in ./pyproject.toml'
        )
    return str(found)


def directory(name: str, given: Path | None) -> Path:
    """Return the folder that the setting *name* says.

    Raises:
        Unusable: It is not said, or is no folder.
    """
    path = Path(setting(name, given))
    if not path.is_dir():
        raise Unusable(f"{name}: {path} is no folder" if path.exists() else f"{name}: there is no folder {path}")
    return path


def import_schema(given: str | None) -> "strawberry.Schema | GraphQLSchema":
    """Return the schema that `--schema` or its substitutes name, imported with the current directory on the path.

    Raises:
        Unusable: It cannot be imported, or is no schema.
    """
    from bff.settings import SettingsError, load_schema  # noqa: PLC0415 - slow to import

    name = setting("schema", given)
    try:
        return load_schema(name)
    except SettingsError as error:
        raise Unusable(str(error)) from error
    except (Exception, SystemExit) as error:
        raise Unusable(_import_failure(name, error)) from error


def relative(path: str | Path) -> str:
    """Return *path* as seen from the current directory, if it is below it."""
    try:
        return Path(path).resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return Path(path).as_posix()


def _import_failure(name: str, error: BaseException) -> str:
    """Say where in the application an import failed: the last line of it that is not a library's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).resolve().is_relative_to(Path.cwd())]
    where = f" at {relative(own[-1].filename)}:{own[-1].lineno}" if own else ""
    return f"schema {name!r} cannot be imported{where}: {_with_causes(error)}"


def _with_causes(error: BaseException) -> str:
    """Say *error* and what it was raised from, on one line: Strawberry's own sentence leaves the reason out."""
    said: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        said.append(" ".join(f"{type(cause).__name__}: {cause}".split()).removesuffix(":"))
        cause = cause.__cause__
    return ", because of ".join(said)


def _project_settings() -> dict[str, Any]:
    from bff.settings import SettingsError, tool_table  # noqa: PLC0415 - slow to import

    try:
        return tool_table(Path("pyproject.toml"))
    except SettingsError as error:
        raise Unusable(str(error)) from error
