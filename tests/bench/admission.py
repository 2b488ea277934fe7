"""What admission costs a request in one process, in microseconds of CPU: `python tests/bench/admission.py`.

The goal for three limits is 15. Each figure is the best of several rounds, for others use the machine too.
"""

import time
from collections.abc import Callable
from random import Random

from bff.admission.assemble import open_admission
from bff.clock import SystemClock
from bff.context import ANONYMOUS, Principal
from bff.execution.messages import GraphQLRequest
from bff.policy.clients import ClientDefaults
from bff.policy.load import PolicySet
from bff.server.headers import Headers
from bff.server.ports import Arrival

ROUNDS, TIMES = 15, 5_000
PLENTY = {"rate": "9000 per second", "burst": 10_000_000}
LIMITS = {"client": PLENTY, "user": PLENTY, "operations": {"Home": PLENTY}, "anonymous": PLENTY}
HEADERS = [(b"host", b"api"), (b"content-type", b"application/json"), (b"x-client-name", b"ios")]


def best(work: Callable[[], object]) -> float:
    """Return the CPU time of one call, in microseconds."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(TIMES):
            work()
        found.append((time.process_time() - began) / TIMES * 1e6)
    return min(found)


def main() -> None:
    """Measure, print."""
    policies = PolicySet(client_defaults=ClientDefaults.model_validate({"limits": LIMITS, "address": PLENTY}))
    gate = open_admission(
        policies, store=None, workers=1, clock=SystemClock(), rng=Random(1), notify=lambda _: None
    )
    admission = gate.admission
    assert admission is not None
    arrival = Arrival("POST", "/graphql", Headers(HEADERS), "192.0.2.1", "r1")
    request, user = GraphQLRequest("{ a }", "Home"), Principal("https://id.example.com/", "u1", client="ios")

    def come(principal: Principal, *, told: bool) -> None:
        entry = admission.enter(arrival, principal, request)
        if told:
            entry.headers()
        entry.leave()

    print(f"address:                     {best(lambda: admission.knock(arrival)):6.1f} us")
    print(f"client, user, operation:     {best(lambda: come(user, told=False)):6.1f} us")
    print(f"the same and header fields:  {best(lambda: come(user, told=True)):6.1f} us")
    print(f"somebody unknown:            {best(lambda: come(ANONYMOUS, told=True)):6.1f} us")


if __name__ == "__main__":
    main()
