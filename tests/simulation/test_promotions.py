"""Offers for a segment."""


def test_offers_differ_by_segment(client):
    promotions = client("promotions")
    everything, new, gold = (
        promotions.get("/offers", params=query).json() for query in ({}, {"segment": "NEW"}, {"segment": "GOLD"})
    )

    assert everything[0].keys() == {"id", "title", "code", "discountPercent", "endsAt", "restaurantId"}
    assert any(offer["code"].startswith("WELCOME") for offer in new)
    assert not any(offer["code"].startswith("WELCOME") for offer in gold)
    assert any(offer["code"].startswith("GOLD") for offer in gold)
    assert len(everything) > len(new)


def test_an_unknown_segment_is_refused(client):
    assert client("promotions").get("/offers?segment=PLATINUM").status_code == 422
