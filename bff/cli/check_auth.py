"""What `bff check` finds about who may call."""

from collections.abc import Iterator
from pathlib import Path

from bff.auth.api_keys import KeysUnusable, read_keys
from bff.cli.findings import Finding
from bff.cli.project import relative
from bff.policy.load import Reading


def credentials(reading: Reading, directory: Path) -> Iterator[Finding]:
    """Note where nobody looks at credentials, and find files that they need."""
    policies = reading.policies
    if policies is None:
        return
    file = relative(directory / "auth.yaml")
    if policies.auth is None:
        yield Finding(
            "note",
            "no-authentication",
            file,
            1,
            1,
            "nobody looks at credentials: there is no such file",
            "write one with `issuers`, or with `anonymous: allow` to say that everybody may call",
        )
        return
    for key, reference in (("api_keys.file", policies.auth.api_keys.file), ("ca", policies.auth.ca)):
        path = Path(reference.removeprefix("file:")) if reference else None
        if path is None:
            continue
        found = policies.documents["auth"].find(tuple(key.split(".")))
        line, column = (found.at.line, found.at.column) if found else (1, 1)
        if not path.is_file():
            fix = "run `bff token key create CLIENT`" if key == "api_keys.file" else None
            yield Finding("error", "authentication", file, line, column, f"there is no file {path}", fix)
        elif key == "api_keys.file":
            try:
                read_keys(path)
            except KeysUnusable as error:
                yield Finding("error", "authentication", file, line, column, str(error))
