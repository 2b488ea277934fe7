"""`bff demo`: an application with its simulated services, GraphiQL open, ready to be broken."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bff.settings import SettingsError, tool_table

_START_LIMIT = 30.0


class Demo(BaseModel):
    """`[tool.bff.demo]` in pyproject.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    services: list[str]
    """Commands that start the simulated services; `python` stands for the running interpreter."""

    graphiql_headers: dict[str, str] = {}
    """Headers that GraphiQL starts with."""

    hints: list[str] = []
    """What to try; shown when all is up."""


def read_demo(directory: Path) -> Demo:
    """Return the demo that *directory*'s pyproject.toml describes.

    Raises:
        SettingsError: It describes none, or wrongly.
    """
    file = directory / "pyproject.toml"
    table = tool_table(file).get("demo")
    if not isinstance(table, dict):
        raise SettingsError(
            f"{file} has no [tool.bff.demo]: write one with the commands that start your simulated services, such as "
            'services = ["python -m upstreams.simulation all"]'
        )
    try:
        return Demo(**table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{key} in [tool.bff.demo] of {file}: {first['msg']}") from error
