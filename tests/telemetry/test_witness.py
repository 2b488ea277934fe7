"""Who may see `extensions.trace`, and who asks for it."""

import pytest

from bff.context import ANONYMOUS, Deadline, Principal
from bff.execution.messages import Ingress
from bff.policy.experiments import Canary
from bff.policy.load import PolicySet
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.policy.tracing import Trace
from bff.telemetry.compose import host_aliases
from bff.telemetry.witness import TraceWitness
from bff.upstream.message import Origin

GRANTED = Principal("https://id", "u1", scopes=frozenset({"bff:trace"}))


def witness(told, *, everybody=False, **policy):
    return TraceWitness(told.journals, Trace(**policy), everybody=everybody, alias=str, host=str, clock=told.clock)


def ingress(told, principal=ANONYMOUS, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Ingress("r1", Deadline.after(1, told.clock), principal, named)


@pytest.mark.parametrize(
    ("options", "principal", "header", "asked"),
    [
        ({"everybody": True}, ANONYMOUS, "1", True),
        ({"everybody": True}, ANONYMOUS, "0", False),
        ({"everybody": True}, ANONYMOUS, "false", False),
        ({"everybody": True}, ANONYMOUS, "", False),
        ({"everybody": True}, ANONYMOUS, None, False),
        ({}, GRANTED, "1", False),
        ({"allow": "scope"}, GRANTED, "1", True),
        ({"allow": "scope"}, GRANTED, None, False),
        ({"allow": "scope"}, ANONYMOUS, "1", False),
        ({"allow": "scope", "scope": "other"}, GRANTED, "1", False),
    ],
)
def test_who_may_and_who_asks(told, options, principal, header, asked):
    headers = {} if header is None else {"x_bff_trace": header}

    assert witness(told, **options).asked(ingress(told, principal, **headers)) is asked


def test_policy_names_the_header(told):
    known = witness(told, everybody=True, header="x-explain")

    assert known.asked(ingress(told, x_explain="1"))
    assert not known.asked(ingress(told, x_bff_trace="1"))


def test_whose_execution_was_shared_reads_which_request_was_executed(told):
    journal = told.begin("leader")
    told.start("catalog", request="leader")()
    known = witness(told, everybody=True)

    own, shared = known.tell(journal, "leader"), known.tell(journal, "follower")

    assert "executedBy" not in own
    assert (shared["requestId"], shared["executedBy"]) == ("follower", "leader")
    assert len(shared["calls"]) == 1


def test_hosts_have_names_that_tell_no_address():
    policies = PolicySet(
        OperationsPolicy(),
        upstreams={
            "catalog": UpstreamPolicy(hosts=("http://127.0.0.1:1", "http://127.0.0.1:2"), alias="kitchen"),
            "reviews": UpstreamPolicy(
                hosts=("https://reviews.internal/api",), canary=Canary(hosts=("https://reviews-next.internal",))
            ),
        },
    )
    name = host_aliases(policies.upstreams)

    assert name(Origin("http", "127.0.0.1", 2)) == "kitchen-2"
    assert name(Origin("https", "reviews.internal", 443)) == "reviews-1"
    assert name(Origin("https", "reviews-next.internal", 443)) == "reviews-canary-1"
    assert (name(None), name(Origin("http", "elsewhere", 1))) == ("none", "unknown")
