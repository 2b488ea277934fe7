"""The command as a whole: help, settings, exit codes, and no traceback ever."""

import subprocess
import sys
from importlib import metadata

import pytest
import typer

from bff.cli.app import build


def commands(command, name="bff"):
    below = getattr(command, "commands", None) or {}
    for part in below.values():
        yield from commands(part, f"{name} {part.name}")
    if not below:
        yield pytest.param(command, id=name)


ALL = list(commands(typer.main.get_command(build())))


@pytest.mark.parametrize("command", ALL)
def test_every_command_has_help_with_an_example(command):
    assert command.help
    assert command.epilog.startswith("\b\nExample:\n  bff ")


@pytest.mark.parametrize("command", ALL)
def test_every_option_says_what_it_is(command):
    assert [one.name for one in command.params if not one.help] == []


def test_help_imports_nothing_heavy():
    """Help answers at once; a schema library takes longer to import than all the rest."""
    heavy = ["strawberry", "graphql", "fastapi", "aiohttp", "rich", "ruamel.yaml", "bff.policy.model"]
    code = (
        "import sys\nfrom bff.cli.app import run\nrun(['--help'])\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["polices"], "No such command 'polices'"),
        (["check", "--shema", "x"], "No such option: --shema"),
        (["check", "--format", "yaml"], "yaml"),
        (["policies", "show"], "Missing argument 'NAME'"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(project, arguments, said):
    result = project().bff(*arguments)

    assert result.code == 2
    assert said in result.err


@pytest.mark.parametrize(
    ("name", "variable"),
    [("schema", "BFF_SCHEMA"), ("policies", "BFF_POLICIES"), ("operations", "BFF_OPERATIONS")],
)
def test_a_missing_setting_names_all_three_ways_to_give_it(project, name, variable):
    sound = project()
    kept = [
        line for line in (sound.directory / "pyproject.toml").read_text().splitlines() if not line.startswith(name)
    ]
    sound.write({"pyproject.toml": "\n".join(kept)})

    result = sound.bff("check")

    assert result.code == 2
    assert all(way in result.err for way in (f"--{name} ", f"{variable}=", "[tool.bff] in ./pyproject.toml"))


def test_an_option_wins_over_the_environment_and_that_over_the_project(project):
    sound = project(
        {
            "more/upstreams/a.yaml": "hosts: [https://a]\n",
            "most/upstreams/a.yaml": "hosts: [https://a]\n",
            "most/upstreams/b.yaml": "hosts: [https://b]\n",
        }
    )

    said = [
        sound.bff("policies", "check").out,
        sound.bff("policies", "check", BFF_POLICIES="more").out,
        sound.bff("policies", "check", "--policies", "most", BFF_POLICIES="more").out,
    ]

    assert said == [
        "All is well: policies with 1 upstream.\n",
        "All is well: more with 1 upstream.\n",
        "All is well: most with 2 upstreams.\n",
    ]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("nowhere:schema", "no module 'nowhere'"),
        ("app", "MODULE:ATTR"),
        ("app:shema", "app.shema is nothing"),
        ("app:Dish", "not a strawberry.Schema"),
        ("broken:schema", "cannot be imported at broken.py:3: ZeroDivisionError: division by zero"),
        ("wrapped:schema", "TypeError: no fields, because of AssertionError"),
        ("unparsable:schema", "SyntaxError"),
        ("leaving:schema", "SystemExit"),
    ],
)
def test_a_schema_that_cannot_be_had_exits_with_2_and_one_line(project, schema, said):
    sound = project(
        {
            "broken.py": "import json\n\njson.dumps(1 / 0)\n",
            "wrapped.py": "raise TypeError('no\\nfields') from AssertionError()\n",
            "unparsable.py": "def (:\n",
            "leaving.py": "raise SystemExit(0)\n",
        }
    )

    result = sound.bff("schema", "print", "--schema", schema)

    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("option", ["--policies", "--operations"])
def test_a_folder_that_is_not_there_exits_with_2(project, option):
    result = project().bff("check", option, "nowhere")

    assert result.code == 2
    assert result.err == f"bff: {option.removeprefix('--')}: there is no folder nowhere\n"


def test_a_project_file_that_is_no_toml_exits_with_2(project):
    result = project({"pyproject.toml": "[tool.bff\n"}).bff("policies", "check")

    assert result.code == 2
    assert "pyproject.toml" in result.err


def test_the_schema_is_printed_as_clients_see_it(project):
    sound = project()

    assert "type Query {" in sound.bff("schema", "print").out
    assert sound.bff("schema", "print", "--format", "json").json["sdl"].startswith('"""')


def test_the_version_is_that_of_the_package(project):
    result = project().bff("--version")

    assert (result.code, result.out.strip()) == (0, f"bff {metadata.version('bff')}")
