"""`bff documents`: registers what apps may send, lists it, and compares."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bff.cli.output import FINE, FOUND, Format, FormatOption, Unusable, example, say, say_json, say_table
from bff.cli.project import PoliciesOption, SchemaOption, directory, import_schema, relative

if TYPE_CHECKING:
    from bff.cli.findings import Finding
    from bff.execution.trusted.compare import Comparison
    from bff.execution.trusted.manifest import Manifest

app = typer.Typer(
    help="Register the documents that apps send, list them, compare them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ManifestArgument = Annotated[
    Path, typer.Argument(metavar="MANIFEST", help="As Apollo, Relay or GraphQL Code Generator write it.")
]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_SHOWN_ID = 16


@app.command("register", epilog=example("bff documents register persisted-documents.json --client web"))
def register(  # noqa: PLR0917 - typer reads options from parameters
    manifest: ManifestArgument,
    client: Annotated[str, typer.Option("--client", metavar="NAME", help="Whose documents they are.")],
    version: Annotated[
        str | None, typer.Option("--version", metavar="VERSION", help="Of the client; absent: all versions.")
    ] = None,
    schema: SchemaOption = None,
    policies: PoliciesOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Check every document of a manifest and write all of them below the policies, to be deployed with those.

    Nothing is written when a document does not parse, does not fit the schema or is over a limit. What the same
    client and version registered before is replaced.
    """
    from bff.cli import findings  # noqa: PLC0415 - slow to import
    from bff.cli.check_documents import check, completed  # noqa: PLC0415 - slow to import
    from bff.execution.trusted.manifest import write  # noqa: PLC0415 - slow to import
    from bff.execution.trusted.registry import FOLDER, Registry  # noqa: PLC0415 - slow to import
    from bff.policy.problem import PolicyError  # noqa: PLC0415 - slow to import

    for option, text in (("--client", client), ("--version", version)):
        if text is not None and not _NAME.fullmatch(text):
            raise Unusable(f"{option} {text!r} becomes part of a file name: use letters, digits and . _ + -")
    folder = directory("policies", policies)
    given = completed(_read(manifest), client, version or "")
    target = folder / FOLDER / f"{given.owner}.json"
    others = [one for one in registered(folder) if one.owner != given.owner]
    found = list(check(given, import_schema(schema), folder))
    try:
        Registry([*others, given])
    except PolicyError as error:
        found += findings.of_policies(error.problems)
    looked_at = f"{findings.counted(len(given.documents), 'document')} of {given.owner}"
    if any(one.level == "error" for one in found):
        raise typer.Exit(findings.report(found, output, fine=f"{looked_at}; nothing was registered"))
    target.parent.mkdir(exist_ok=True)
    target.write_text(write(given), "utf-8")
    findings.report(found, output, fine=f"{looked_at} registered in {relative(target)}")


@app.command("list", epilog=example("bff documents list --client web"))
def list_(
    client: Annotated[str | None, typer.Option("--client", metavar="NAME", help="Only this client's.")] = None,
    policies: PoliciesOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """List what is registered, by client and version."""
    manifests = [one for one in registered(directory("policies", policies)) if client in {None, one.client}]
    if output is Format.JSON:
        say_json(
            {
                "documents": [
                    {"client": m.client, "version": m.version or None, "id": d.id, "name": d.name, "type": d.kind}
                    for m in manifests
                    for d in m.documents
                ]
            }
        )
        return
    rows = [(m.owner, d.name, d.kind, _short(d.id)) for m in manifests for d in m.documents]
    if not rows:
        say("Nothing is registered.")
        return
    say_table(("client", "name", "type", "id"), rows, title=f"{len(rows)} documents")


@app.command("diff", epilog=example("bff documents diff persisted-documents.json"))
def diff(
    new: ManifestArgument,
    old: Annotated[
        Path | None, typer.Argument(metavar="OLD", help="Another manifest; absent: what is registered.")
    ] = None,
    client: Annotated[
        str | None, typer.Option("--client", metavar="NAME", help="Compare with what this client registered.")
    ] = None,
    policies: PoliciesOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Compare a manifest with another one, or with what is registered: added, removed, changed, and whose it is.

    Exit code 0 when both hold the same documents, 1 when not.
    """
    from bff.cli.check_documents import completed  # noqa: PLC0415 - slow to import
    from bff.execution.trusted.compare import compare  # noqa: PLC0415 - slow to import

    if old is not None:
        given = _read(old)
        before: Sequence[Manifest] = [completed(given, given.client, given.version)]
    else:
        before = [one for one in registered(directory("policies", policies)) if client in {None, one.client}]
    found = compare(before, completed(_read(new), "", ""))
    if output is Format.JSON:
        say_json({kind: [each._asdict() for each in entries] for kind, entries in found._asdict().items()})
    else:
        _say_comparison(found)
    raise typer.Exit(FOUND if any(found) else FINE)


def _say_comparison(found: "Comparison") -> None:
    signs = {"added": "+", "removed": "-", "changed": "~"}
    for kind, entries in found._asdict().items():
        for each in entries:
            whose = f"  ({', '.join(each.clients)})" if each.clients else ""
            say(f"{signs[kind]} {each.name or '(unnamed)'}  {_short(each.id)}{whose}")
    if any(found):
        say(f"{len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed.")
    else:
        say("The same documents.")


def registered_findings(schema: "object", policies: Path) -> Iterator["Finding"]:
    """Find registered documents that *schema* would refuse; nothing where none are registered."""
    from bff.cli.check_documents import check  # noqa: PLC0415 - slow to import

    for manifest in registered(policies):
        yield from check(manifest, schema, policies)


def registered(policies: Path) -> "tuple[Manifest, ...]":
    """Return what clients have registered below *policies*.

    Raises:
        Unusable: It cannot be read.
    """
    from bff.execution.trusted.registry import load  # noqa: PLC0415 - slow to import
    from bff.policy.problem import PolicyError  # noqa: PLC0415 - slow to import

    try:
        return load(policies).manifests
    except PolicyError as error:
        raise Unusable(f"what is registered cannot be used:\n{error}") from error


def _read(path: Path) -> "Manifest":
    from bff.execution.trusted.manifest import read  # noqa: PLC0415 - slow to import
    from bff.policy.problem import PolicyError  # noqa: PLC0415 - slow to import

    try:
        return read(path, relative(path))
    except PolicyError as error:
        raise Unusable(str(error)) from error


def _short(identifier: str) -> str:
    return identifier if len(identifier) <= _SHOWN_ID else f"{identifier[:_SHOWN_ID]}..."
