"""`bff token`: a token of somebody in the demo, and new keys for its issuer."""

import json
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import typer

from bff.cli import token_keys
from bff.cli.output import Format, FormatOption, Unusable, example, say, say_json

app = typer.Typer(
    help="Get a token of somebody in the demo, whose issuer `bff demo` starts.",
    epilog=example('curl -H "Authorization: Bearer $(bff token --as customer)" http://127.0.0.1:8000/graphql'),
    rich_markup_mode=None,
)

IssuerOption = Annotated[
    str | None,
    typer.Option("--issuer", metavar="URL", help="The development issuer; that of [tool.bff.demo.issuer]."),
]
app.add_typer(token_keys.app, name="key")

_PERSON = "urn:bff:grant-type:person"
_LIMIT = 10.0


@app.callback(invoke_without_command=True)
def token(  # noqa: PLR0917 - typer reads options from parameters
    context: typer.Context,
    person: Annotated[
        str | None, typer.Option("--as", metavar="WHO", help="A role such as customer, or a subject such as u1.")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="What the token may do; all that the person may, when left out.")
    ] = None,
    audience: Annotated[
        list[str] | None, typer.Option(help="Whom it is for; the issuer's own choice when left out.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How long it is good, such as 5m; a day at most.")
    ] = None,
    acr: Annotated[str | None, typer.Option(help="How the person is said to have logged in.")] = None,
    issuer: IssuerOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Print a token of somebody in the demo, whose issuer `bff demo` starts.

    Such a token is good where the policies accept the development issuer, which production never does.
    """
    if context.invoked_subcommand is not None:
        return
    if person is None:
        raise Unusable("say whose token: bff token --as customer")
    wanted = [("grant_type", _PERSON), ("person", person)]
    wanted += [("scope", " ".join(scope))] if scope else []
    wanted += [("audience", name) for name in audience or ()]
    wanted += [("expires_in", str(_seconds(expires)))] if expires else []
    wanted += [("acr", acr)] if acr else []
    answer = _ask(_address(issuer), "/token", wanted)
    if output is Format.JSON:
        say_json(answer)
    else:
        say(answer["access_token"])


@app.command("rotate", epilog=example("bff token rotate"))
def rotate(
    forget: Annotated[
        bool | None, typer.Option("--forget", help="Publish the old keys no more: tokens they signed fail.")
    ] = None,
    issuer: IssuerOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Let the demo's issuer sign with new keys; the old ones stay published until the next time."""
    answer = _ask(_address(issuer), "/rotate", [("forget", "true")] if forget else [])
    if output is Format.JSON:
        say_json(answer)
    else:
        said = "the old ones are forgotten" if forget else "tokens of the old ones stay good"
        say(f"signs with {' and '.join(answer['keys'])} from now on; {said}")


def _address(given: str | None) -> str:
    """Return where the issuer is.

    Raises:
        Unusable: Nothing says it, or not on this machine.
    """
    from pathlib import Path  # noqa: PLC0415 - slow to import

    from bff.auth.development.read import read_issuer  # noqa: PLC0415 - as above
    from bff.policy.names import is_plaintext_to_elsewhere  # noqa: PLC0415 - as above
    from bff.settings import SettingsError  # noqa: PLC0415 - as above

    if given is not None:
        if is_plaintext_to_elsewhere(given) or "://" not in given:
            raise Unusable("--issuer is a URL on this machine, such as http://127.0.0.1:9100")
        return given.rstrip("/")
    try:
        described = read_issuer(Path.cwd())
    except SettingsError as error:
        raise Unusable(str(error)) from error
    if described is None:
        raise Unusable(
            "no demo is described here: run this where pyproject.toml has [tool.bff.demo.issuer], "
            "or say --issuer http://127.0.0.1:9100"
        )
    return f"http://127.0.0.1:{described.port}"


def _seconds(text: str) -> int:
    from bff.policy.problem import Refused  # noqa: PLC0415 - slow to import
    from bff.policy.units import parse_duration  # noqa: PLC0415 - as above

    try:
        return int(parse_duration(text).total_seconds())
    except Refused as error:
        raise Unusable(f"--expires: {error}") from error


def _ask(issuer: str, path: str, form: list[tuple[str, str]]) -> dict[str, Any]:
    """Return what *issuer* answers to *form*.

    Raises:
        Unusable: It is not there, or refuses.
    """
    request = Request(  # noqa: S310 - http and https only, see _address
        issuer + path,
        urlencode(form).encode(),
        {"content-type": "application/x-www-form-urlencoded"},
    )
    try:
        with urlopen(request, timeout=_LIMIT) as response:  # noqa: S310 - as above
            answer: dict[str, Any] = json.load(response)
    except HTTPError as error:
        raise Unusable(f"the issuer at {issuer} refuses: {_reason(error)}") from error
    except (URLError, OSError, ValueError) as error:
        raise Unusable(f"no development issuer answers at {issuer}: start it with `bff demo`") from error
    return answer


def _reason(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error_description"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"
