"""The command `bff`. Each command is one file; `bff.cli.app` lists them."""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `bff` with *arguments*, those of the process by default, and exit with 0, 1 or 2."""
    from bff.cli.app import run  # noqa: PLC0415 - whoever only imports a command's parts does not pay for the whole

    raise SystemExit(run(arguments))
