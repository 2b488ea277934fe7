"""What all requests for one operation of a document have in common, found out once."""

from graphql import GraphQLSchema, OperationDefinitionNode

from bff.context import OperationKind
from bff.execution.access.decide import Access
from bff.execution.cache_control import CacheHints
from bff.execution.documents import Document
from bff.policy.model import OperationsPolicy


class Prepared:
    """One operation of one document.

    Attributes:
        document: It holds the operation.
        name: The operation's name in it.
        kind: query, mutation or subscription.
        seconds: How long policy lets it take.
        cost: What it may cost; None where nothing is estimated.
        survey: Which of the schema's requirements it meets.
        allowed: How long the schema lets answers to it be kept.
    """

    __slots__ = ("allowed", "cost", "document", "kind", "name", "seconds", "survey")

    def __init__(
        self,
        document: Document,
        node: OperationDefinitionNode,
        policy: OperationsPolicy,
        access: Access,
        hints: CacheHints,
    ) -> None:
        self.document = document
        self.name = node.name.value if node.name else None
        self.kind: OperationKind = node.operation.value
        self.seconds = policy.deadlines.get(self.name or "", policy.deadline).total_seconds()
        self.cost = document.costs.get(self.name)
        self.survey = access.survey(document, self.name)
        self.allowed = hints.of(document.node, node)


class Preparations:
    """The operations that were asked for lately.

    Args:
        schema: What they are validated against.
        policy: Their deadlines and how many are kept.
        access: Knows what the schema requires.
    """

    def __init__(self, schema: GraphQLSchema, policy: OperationsPolicy, access: Access) -> None:
        self._policy = policy
        self._access = access
        self._hints = CacheHints(schema, policy.default_max_age.total_seconds())
        self._known: dict[tuple[str, str | None], Prepared] = {}

    def of(self, document: Document, name: str | None) -> Prepared:
        """Return the operation that *name* means in *document*, or the only one when there is no name.

        Raises:
            Refused: There is none such, or more than one.
        """
        known = self._known.get((document.hash, name))
        if known is not None and known.document is document:
            return known
        if len(self._known) >= self._policy.document_cache:
            self._known.clear()
        node = document.operation(name)
        made = self._known[document.hash, name] = Prepared(document, node, self._policy, self._access, self._hints)
        return made
