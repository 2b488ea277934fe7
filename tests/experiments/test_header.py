"""The header of a developer: what it may say, for how long, and what it is told where it is wrong."""

import pytest

from bff.context import ANONYMOUS, Principal
from bff.experiments.faults import parse_fault
from bff.experiments.header import BadHeader, parse_header
from bff.experiments.registry import NotAllowed

NAMES = {"opinions": "reviews", "payments": "payments"}
DEVELOPER = Principal("https://id.example", "dev", scopes=frozenset({"bff:faults"}))


def test_upstreams_have_their_public_names_and_endpoints_go_before_them():
    asked = parse_header("opinions=slow(2s); payments.charges=503,payments=hang;until=17;cache=empty", NAMES)

    assert asked.fault("reviews", "any") == parse_fault("slow(2s)")
    assert asked.fault("payments", "charges") == parse_fault("503")
    assert asked.fault("payments", "methods") == parse_fault("hang")
    assert asked.fault("catalog", "menu") is None
    assert (asked.until, asked.cold) == (17.0, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("opinion=503", "there is no upstream 'opinion'. Did you mean 'opinions'? There are opinions, payments."),
        ("reviews=503", "there is no upstream 'reviews'"),
        ("opinions=sloow(2s)", "Did you mean 'slow(2s)'?"),
        ("opinions", "'opinions' is not NAME=FAULT, such as opinions=503"),
        ("", "it breaks nothing"),
        ("until=17", "it breaks nothing"),
        ("opinions=503;until=soon", "until=soon is no time"),
        ("opinions=503;cache=no", "neither cache=empty nor cache=kept"),
        ("opinions=503;" * 51, "too many"),
    ],
)
def test_a_wrong_header_is_answered_by_what_to_write(text, said):
    with pytest.raises(BadHeader) as caught:
        parse_header(text, NAMES)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("options", "principal", "said"),
    [
        (
            {"allow": "never", "development": True},
            DEVELOPER,
            "fault_injection.allow in policies/operations.yaml is never",
        ),
        ({"allow": "development"}, DEVELOPER, "is development"),
        ({"allow": "scope"}, ANONYMOUS, "needs the scope 'bff:faults'"),
        ({"allow": "scope", "scope": "other"}, DEVELOPER, "needs the scope 'other'"),
        ({"allow": "scope"}, DEVELOPER, None),
        ({"allow": "scope", "development": True}, ANONYMOUS, None),
        ({"allow": "development", "development": True}, ANONYMOUS, None),
    ],
)
def test_whom_policy_lets_ask(virtually, options, principal, said):
    async def scenario(world):
        text = f"opinions=503;until={world.clock.wall() + 5:.0f}"
        if said is None:
            assert world.experiments.asked(text, principal).faults
            return
        with pytest.raises(NotAllowed) as caught:
            world.experiments.asked(text, principal)
        assert said in str(caught.value)

    virtually(scenario, **options)


@pytest.mark.parametrize(
    ("development", "ahead", "said"),
    [
        (False, 600, None),
        (False, 601, "it ends later than in 10m; write until=1700000600 or less"),
        (False, 0, "it ended at 1700000000"),
        (False, None, "it has to say when it ends"),
        (True, None, None),
        (True, 601, "it ends later"),
    ],
)
def test_a_header_ends_by_itself(virtually, development, ahead, said):
    """A forgotten header in some client must not break services for ever."""

    async def scenario(world):
        text = "opinions=503" if ahead is None else f"opinions=503;until={world.clock.wall() + ahead:.0f}"
        if said is None:
            assert world.experiments.asked(text, DEVELOPER)
            return
        with pytest.raises(BadHeader) as caught:
            world.experiments.asked(text, DEVELOPER)
        assert said in str(caught.value)

    virtually(scenario, development=development)
