"""Old apps are told in time, and refused in the end."""

import pytest

from bff.admission.versions import VersionRules, parsed
from bff.codes import Code
from bff.policy.clients import Versions
from bff.server.refusal import Refusal

STORE = "https://apps.example.com/shop"


def rules(**policy):
    return VersionRules(Versions.model_validate({"store_url": STORE, **policy}))


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("4.9.0", "4.10.0"),
        ("4.10.0-beta.1", "4.10.0"),
        ("4.10.0-beta.2", "4.10.0-beta.11"),
        ("4.10.0-rc.1", "4.10.0 (1234)"),
        ("4.10", "4.10.1"),
        ("v4.1.0", "4.2.0"),
        ("9", "10"),
    ],
)
def test_versions_are_compared_as_numbers(older, newer):
    assert parsed(older) < parsed(newer)


def test_a_trailing_zero_and_a_build_do_not_matter():
    assert parsed("4.10") == parsed("4.10.0") == parsed("4.10.0 (build 77)")


@pytest.mark.parametrize("text", ["", " ", "latest", "4.x", "1" * 1000 + ".x", "\ud800"])
def test_what_is_no_version_is_none(text):
    assert parsed(text) is None


@pytest.mark.parametrize("version", ["3.9.9", "4.0.0-beta.1"])
def test_an_app_below_the_minimum_is_sent_to_the_store(version):
    with pytest.raises(Refusal) as caught:
        rules(minimum="4.0.0").judge(version)

    assert caught.value.code is Code.CLIENT_UPGRADE_REQUIRED
    assert caught.value.extensions == {"minimumVersion": "4.0.0", "storeUrl": STORE}


@pytest.mark.parametrize("version", [None, "nonsense"])
def test_policy_decides_about_apps_that_say_no_version(version):
    assert rules(minimum="4.0.0").judge(version) == ((), {})
    with pytest.raises(Refusal):
        rules(minimum="4.0.0", unknown="refuse").judge(version)


def test_an_app_below_the_recommended_version_is_told():
    fields, told = rules(recommended="4.8.0").judge("4.7.9")

    assert fields == ((b"x-client-recommended-version", b"4.8.0"),)
    assert told == {"recommendedVersion": "4.8.0", "storeUrl": STORE}
    assert rules(recommended="4.8.0").judge("4.8.0") == ((), {})


def test_deprecation_and_sunset_are_said_as_the_standards_say():
    """RFC 9745 section 2: a date as in structured fields; RFC 8594: an HTTP date."""
    some = rules(deprecated={"below": "4.5", "since": "2026-10-01", "sunset": "2027-01-31", "link": STORE})

    fields, _ = some.judge("4.4.0")

    assert dict(fields) == {
        b"deprecation": b"@1790812800",
        b"sunset": b"Sun, 31 Jan 2027 00:00:00 GMT",
        b"link": b'<https://apps.example.com/shop>; rel="deprecation"; type="text/html"',
    }
    assert some.judge("4.5.0") == ((), {})
    assert some.judge(None) == ((), {})


def test_a_deprecation_without_a_version_is_about_all():
    some = rules(deprecated={"since": "2026-10-01"})

    assert some.judge(None)[0] == some.judge("99")[0] == ((b"deprecation", b"@1790812800"),)
