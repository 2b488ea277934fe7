"""The simulated world, the same in every process that is given the same seed and day.

Nothing is made before somebody asks for it: each entity has a chance of its own, drawn from the seed, its
kind and its number, so the order of questions changes nothing. Only who ordered and who rated is listed at once.
"""

from datetime import date

from upstreams.simulation.world.draw import Seed
from upstreams.simulation.world.food import Food
from upstreams.simulation.world.ledger import Ledger
from upstreams.simulation.world.people import People
from upstreams.simulation.world.post import Post
from upstreams.simulation.world.ratings import Ratings
from upstreams.simulation.world.trade import Orders, Reviews


class World:
    """Everything that exists, as it was on the evening of *day*; building it takes about 40 ms."""

    def __init__(self, seed: int, day: date) -> None:
        self.seed = Seed(seed, day)
        self.ledger = Ledger(self.seed)
        self.ratings = Ratings(self.seed)
        self.people = People(self.seed, self.ledger)
        self.food = Food(self.seed, self.ratings)
        self.orders = Orders(self.seed, self.ledger, self.people, self.food)
        self.reviews = Reviews(self.seed, self.ratings, self.food)
        self.post = Post(self.seed, self.food)
