"""Promotions: offers for a segment. Shows what can be done without."""

from bff.testing.http_message import Reply, Request
from upstreams.simulation.model import Segment
from upstreams.simulation.web import App, Outside, choice
from upstreams.simulation.world import World


def app(world: World, outside: Outside) -> App:
    """Return the service."""

    def offers(request: Request) -> Reply:
        return Reply.json(world.post.offers(choice(request, "segment", Segment)))

    promotions = App("promotions", "public, max-age=300, stale-if-error=3600", outside)
    promotions.get("/offers", offers)
    return promotions
