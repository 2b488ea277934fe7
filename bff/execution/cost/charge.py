"""Charges an operation before it runs and gives back what it did not need (RL-10 to RL-12)."""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode

from bff.codes import Code
from bff.context import Operation
from bff.events import CostExceeded, CostSettled, Notify
from bff.execution.cost.actual import actual
from bff.execution.cost.estimate import Estimate, ListTooLong, Variables
from bff.execution.cost.tree import Tree, plant
from bff.execution.cost.weights import WeightOf, Weights
from bff.execution.messages import Allowance, Denied, Ingress
from bff.policy.cost import Cost

REPORT_HEADER = "x-bff-cost"
"""Asks for `extensions.cost`."""

_TOLD_PATHS = 5
_NO_VARIABLES: Variables = {}


class OperationCost(NamedTuple):
    """One operation's cost, compiled.

    Attributes:
        tree: Its costed positions.
        estimate: What it costs with certain variables.
    """

    tree: Tree
    estimate: Estimate


class Bill:
    """What one operation was charged.

    Args:
        cost: Of the operation; None where nothing is estimated.
        requested: The estimate.
        allowance: Where it was taken from.
        tell: Whether the answer says what it cost.
        notify: Receives a `CostSettled` where a cost was estimated.
    """

    def __init__(
        self,
        cost: OperationCost | None,
        requested: float,
        allowance: Allowance | None,
        *,
        tell: bool,
        notify: Notify,
    ) -> None:
        self._cost = cost
        self._requested = requested
        self._allowance = allowance
        self._tell = tell
        self._notify = notify

    async def settle(
        self, data: Mapping[str, Any] | None, failed: Iterable[Sequence[str | int]], operation: Operation
    ) -> dict[str, Any]:
        """Give back what *data* and the paths that *failed* did not need; return members of `extensions`."""
        told: dict[str, Any] = {}
        if self._cost is not None:
            used = actual(self._cost.tree, data, failed, operation.fanout.sent)
            self._notify(CostSettled(operation.request_id, operation.name, self._requested, used))
            await self._refund(self._requested - used)
            if self._tell:
                told["cost"] = {"requested": self._requested, "actual": used}
        if self._allowance is not None:
            for name, value in self._allowance.report().items():
                told[name] = {**told[name], **value} if name in told else value
        return told

    async def void(self) -> None:
        """Give back all but 1: nothing was executed."""
        await self._refund(self._requested - 1)

    async def _refund(self, unused: float) -> None:
        if self._allowance is not None and unused > 0:
            await self._allowance.refund(unused)


class Costs:
    """Estimates, judges and charges operations on *schema*.

    Args:
        schema: What operations are validated against.
        policy: What is allowed, and what is told.
        weight_of: What a call of an endpoint costs.
        notify: Receives a `CostExceeded` for what is too expensive, a `CostSettled` for what is charged or told.
    """

    def __init__(self, schema: GraphQLSchema, policy: Cost, *, weight_of: WeightOf, notify: Notify) -> None:
        self._schema = schema
        self._policy = policy
        self._weights = Weights(schema, policy, weight_of)
        self._notify = notify

    def compile(
        self, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> OperationCost | None:
        """Return the cost of a validated *operation*, None where policy wants none.

        Raises:
            TooComplex: It would take too long.
        """
        if self._policy.mode == "off":
            return None
        tree = plant(self._schema, operation, fragments, self._weights, self._policy.list_size)
        return OperationCost(tree, Estimate(tree, self._policy.max_list_size))

    def charge(
        self, cost: OperationCost | None, variables: Variables | None, operation: Operation, ingress: Ingress
    ) -> Bill | Awaitable[Bill] | None:
        """Take what the operation is estimated to cost; None where nothing is to be taken and nothing to be told.

        It is awaited only where something is to be taken.

        Raises:
            Denied: It costs more than any operation may, or more than the caller may still spend.
        """
        allowance = ingress.allowance
        if cost is None:
            return Bill(None, 0.0, allowance, tell=False, notify=self._notify) if allowance is not None else None
        requested = self._judge(cost, variables or _NO_VARIABLES, operation)
        report = self._policy.report
        tell = report == "always" or (report == "ask" and REPORT_HEADER in ingress.headers)
        if allowance is None:
            return Bill(cost, requested, None, tell=tell, notify=self._notify) if tell else None
        bill = Bill(cost, requested, allowance, tell=tell, notify=self._notify)
        return _charged(bill, allowance, requested)

    async def charge_refused(self, ingress: Ingress) -> None:
        """Take 1 for a request whose document cannot be run.

        Raises:
            Denied: There is not even that much left.
        """
        if ingress.allowance is not None and self._policy.mode != "off":
            await ingress.allowance.charge(1.0)

    def _judge(self, cost: OperationCost, variables: Variables, operation: Operation) -> float:
        most = float(self._policy.max_cost)
        try:
            requested = cost.estimate.of(variables)
        except ListTooLong as error:
            self._exceeded(operation, None)
            if self._policy.mode == "measure":
                return most
            raise Denied(
                Code.COST_LIMIT_EXCEEDED,
                str(error),
                requestedItems=error.asked,
                maximumItems=self._policy.max_list_size,
            ) from None
        if requested <= most:
            return requested
        self._exceeded(operation, requested)
        if self._policy.mode == "measure":
            return requested
        paths = cost.estimate.most_expensive(variables, _TOLD_PATHS)
        raise Denied(
            Code.COST_LIMIT_EXCEEDED,
            f"The operation may cost {requested:.0f}, and {most:.0f} is the most: ask for fewer items at once.",
            cost={"requested": requested, "maximum": most},
            mostExpensive=[{"path": path, "cost": part} for path, part in paths],
        )

    def _exceeded(self, operation: Operation, requested: float | None) -> None:
        enforced = self._policy.mode == "enforce"
        self._notify(
            CostExceeded(operation.request_id, operation.name, requested, self._policy.max_cost, enforced)
        )


async def _charged(bill: Bill, allowance: Allowance, requested: float) -> Bill:
    await allowance.charge(requested)
    return bill
