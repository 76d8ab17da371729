"""Links go in portions; what they come to is what the whole would have come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_profile_provider.vendors.lightfield.links import portions

IDS = st.lists(st.sampled_from([f"con_{number}" for number in range(10)]), min_size=1, unique=True)
NAMES = st.sampled_from(["$contact", "$partner", "$owner"])
OPERATIONS = st.one_of(
    st.fixed_dictionaries({"replace": st.none() | IDS}),
    st.fixed_dictionaries({}, optional={"add": IDS, "remove": IDS}).filter(bool),
)


def ids(targets: Any) -> list[str]:
    return [targets] if isinstance(targets, str) else targets or []


def carry_out(held: dict[str, set[str]], wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Change links as the vendor does: those that are replaced or removed go, then the new ones come."""
    for name, operations in wanted.items():
        links = (
            set() if "replace" in operations else held.get(name, set()) - set(ids(operations.get("remove")))
        )
        held[name] = links | set(ids(operations.get("replace"))) | set(ids(operations.get("add")))


@given(
    held=st.dictionaries(NAMES, IDS.map(set)),
    wanted=st.dictionaries(NAMES, OPERATIONS),
    most=st.integers(1, 5),
    single=st.booleans(),
)
def test_portions_come_to_what_the_whole_comes_to(
    held: dict[str, set[str]], wanted: dict[str, dict[str, Any]], most: int, single: bool
) -> None:
    whole, parted = dict(held), dict(held)
    carry_out(whole, wanted)
    for portion in portions(wanted, most, single=single):
        each = list(portion.values())
        assert sum(len(ids(targets)) for operations in each for targets in operations.values()) <= most
        if single:
            assert all(len(operations) == 1 for operations in each)
            assert not any(isinstance(operations.get("replace"), list) for operations in each)
        carry_out(parted, portion)
    assert parted == whole
