"""What the endpoints of one group share: a breaker, gates, what is known of latency, perhaps a limit."""

from typing import TYPE_CHECKING

from bff.policy.chain import Chain
from bff.policy.model import UpstreamPolicy
from bff.upstream.pipeline import Stage
from bff.upstream.pipeline.breaker import Breaker
from bff.upstream.pipeline.bulkhead import Permits, adaptive_of
from bff.upstream.pipeline.circuit import CircuitBreaker, Mode, Thresholds
from bff.upstream.pipeline.gate import Gate
from bff.upstream.pipeline.latency import RecentLatency

if TYPE_CHECKING:
    from bff.upstream.assemble import World


class Group:
    """The shared part of one group of *upstream*; *chain* is what is in force for the group itself.

    *known* is its breaker, where an earlier pipeline had one.
    """

    def __init__(
        self, upstream: str, policy: UpstreamPolicy, chain: Chain, world: "World", known: CircuitBreaker | None
    ) -> None:
        self.latency = RecentLatency()
        self.mode: Mode = chain.breaker.mode
        self.thresholds = Thresholds.of(chain.breaker, chain.timeouts.attempt.total_seconds())
        self.circuit = known or CircuitBreaker(
            self.thresholds,
            mode=self.mode,
            upstream=upstream,
            group=chain.group,
            rng=world.rng,
            notify=world.notify,
        )
        self.gate = Gate(
            longest=chain.retry.gate_max.total_seconds(),
            window=chain.breaker.window.total_seconds(),
            upstream=upstream,
            group=chain.group,
            clock=world.clock,
            notify=world.notify,
        )
        self.breaker = Breaker(
            self.circuit, upstream=upstream, group=chain.group, clock=world.clock, notify=world.notify
        )
        self.stages: dict[str, Stage] = {"gate": self.gate, "breaker": self.breaker}
        self.permits: Permits | None = None
        if policy.adaptive.enabled:
            stage = adaptive_of(
                policy, group=chain.group, attempt=chain.timeouts.attempt, clock=world.clock, notify=world.notify
            )
            self.stages["adaptive"] = stage
            self.permits = stage.permits

    def calm(self) -> bool:
        """Whether the group can take more calls than it must (HG-5)."""
        permits = self.permits
        full = permits is not None and permits.in_flight >= permits.limit
        return self.circuit.state in {"closed", "metrics_only", "disabled"} and not full
