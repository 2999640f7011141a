"""The life of a partition, in every order of events: no law is ever broken, and all ends well."""

import pytest
from explore import SMALL, explore
from model_process import Parts, Places
from model_variants import VARIANTS, Variant


@pytest.mark.parametrize(("faults", "records"), [(1, 2), (2, 1)])
def test_no_order_of_events_breaks_a_law_and_each_ends_well(faults: int, records: int) -> None:
    explored = explore(Places(Parts()), workers=2, faults=faults, records=records)

    print(explored)
    assert (explored.wrong, explored.story) == (None, ())
    assert explored.states > 30_000


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_broken_variant_breaks_a_law(variant: Variant) -> None:
    explored = explore(Places(variant.parts), **SMALL)

    print(*explored.story, explored.wrong, sep="\n")
    assert explored.wrong is not None


def test_histories_that_lead_to_one_place_go_on_alike() -> None:
    places = Places(Parts())
    explore(places, **SMALL)

    again = [
        (history, event, after)
        for place, event, after in list(places.known())
        for history in places.histories[place][1:]
    ]
    assert len(again) > 200
    assert all(places.run((*history, event)) is after for history, event, after in again)
