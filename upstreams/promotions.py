"""What is cheaper at the moment."""

from datetime import datetime

import msgspec

from bff import Upstream

promotions = Upstream("promotions")


class Offer(msgspec.Struct, frozen=True, rename="camel"):
    """A discount; `restaurant_id` is None where it holds everywhere."""

    id: str
    title: str
    code: str
    discount_percent: int
    ends_at: datetime
    restaurant_id: str | None


offers = promotions.get("/offers{?segment}", returns=list[Offer])
