"""The page's packages come from whichever registry the builder's npm is set to."""

from pathlib import Path

WEB = Path(__file__).parents[2] / "bff" / "web"


def test_the_lock_names_no_registry():
    """A lock that names one cannot be installed behind a mirror."""
    lock = (WEB / "package-lock.json").read_text("utf-8")

    assert '"resolved"' not in lock
    assert '"integrity"' in lock
