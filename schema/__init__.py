"""The public schema: what clients see, one module for each subject."""

import strawberry

from bff import with_policies
from resolvers.access import people_only
from schema import accounts, catalog, node, notifications, orders, payments, promotions, reviews
from schema.scalars import CONFIG


@strawberry.type(description="What can be asked for.")
class Query(accounts.Query, catalog.Query, orders.Query, promotions.Query, node.Query):
    """What can be asked for."""


@strawberry.type(description="What can be changed.")
class Mutation(orders.Mutation, payments.Mutation, reviews.Mutation, notifications.Mutation):
    """What can be changed."""


schema = with_policies(strawberry.Schema(query=Query, mutation=Mutation, config=CONFIG), people_only)

__all__ = ["schema"]
