"""Shapes: the columns that the projects of a partition share, who have as many classes and models.

An item has the same place in all of them. So what a run does to a hundred small projects is done in
one pass over its items, as if these were of one.
"""

from activelab import Pools, Strata
from stream_app.latest import Latest
from stream_app.said import NOTHING, Said


class Shape:
    """What is remembered of the items of projects with so many classes and models."""

    def __init__(self, num_classes: int, num_models: int) -> None:
        self.pools = Pools(num_classes, num_models)
        self.said = Said()
        """What is published of every item of which a score is."""
        self.latest = Latest()
        """Above which time a fact is newer than what is true."""
        self.strata = Strata()
        """What items belong to."""

    def forget(self, pool: int) -> None:
        """Forget a project, by the number of its pool: its places are given away anew."""
        own = self.pools.own(pool)
        self.said.put(own, NOTHING)
        self.latest.forget(own)
        self.strata.forget(own)
        self.pools.leave(pool)
