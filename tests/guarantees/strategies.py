"""What hypothesis draws: records, the vendor's troubles, and the settings of a push.

``EXAMPLES=500 pytest tests/guarantees`` explores at random; without it each run draws the same few.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from .rig import Rig

TIMEOUT = 0.3
"""Seconds that a push waits for an answer while there are troubles; a delay is longer."""


def some(examples: int) -> settings:
    """Settings for a test with this many examples of its own accord."""
    return settings(
        max_examples=int(os.environ.get("EXAMPLES", examples)),
        derandomize="EXAMPLES" not in os.environ,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


INVALID: list[Any] = [
    {"key": 1.5, "fields": {"x": "y"}},
    {"key": True, "fields": {"x": "y"}},
    {"key": None, "fields": {"x": "y"}},
    {"fields": {"x": "y"}},
    {"key": "nobody-has-this-key", "fields": {}},
    {"key": "", "fields": {"x": "y"}},
    {"key": "k", "fields": "no object"},
    {"key": "k", "fields": {"x": b"bytes"}},
    {"key": "k", "fields": {"x": float("nan")}, "stray": 1},
    "no record",
    {},
    None,
]

_pick = st.one_of(
    st.integers(0, 39),
    st.integers(0, 3),
    st.sampled_from(["nobody", *(f"invalid {n}" for n in range(len(INVALID)))]),
)


def few_or_many(each: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Lists, most of them long enough that something can go wrong in the middle."""
    many = st.lists(each, min_size=25, max_size=60)
    return st.one_of(st.lists(each, max_size=6), many, many)


picks = few_or_many(_pick)
"""Numbers of profiles (a few of them often, for duplicates), somebody unknown, and records that are none."""


def records_of(rig: Rig, picked: list[int | str]) -> list[Any]:
    """The records that picks stand for, each with a value of its own."""
    keys = rig.all_keys()
    found: list[Any] = []
    for n, pick in enumerate(picked):
        if isinstance(pick, int):
            found.append(rig.change(keys[pick], f"v{n}"))
        elif pick == "nobody":
            found.append(rig.change(rig.nobody, f"v{n}"))
        else:
            found.append(INVALID[int(pick.split()[1])])
    return found


_RETRY_AFTER = st.sampled_from(
    [{}, *({"Retry-After": value} for value in ("0", "0.01", "-1", "soon", "", "1000000000"))]
)
_REFUSED = st.fixed_dictionaries(
    {
        "kind": st.just("status"),
        "status": st.sampled_from([429, 500, 502, 503, 504]),
        "headers": _RETRY_AFTER,
        "commit": st.booleans(),
    }
).map(lambda fault: fault | {"commit": fault["commit"] and fault["status"] != 429})
_UNANSWERED = st.sampled_from(
    [
        {"kind": "reset"},
        {"kind": "lost"},
        {"kind": "truncate"},
        {"kind": "html"},
        {"kind": "html", "commit": True},
        {"kind": "empty"},
        {"kind": "empty", "commit": True},
        {"kind": "status", "status": 200, "body": "OK", "headers": {"Content-Type": "text/plain"}},
    ]
)
_SLOW = st.just({"kind": "delay", "delay": 0.03, "when": "before"})
_LATE = st.just({"kind": "delay", "delay": TIMEOUT + 0.15})
_FORBIDDEN = st.sampled_from([{"kind": "status", "status": status} for status in (403, 404, 422)])
_STOPPING = st.sampled_from(
    [{"kind": "status", "status": 401}, {"kind": "expire_token"}, {"kind": "redirect"}]
)

_often = st.one_of(
    st.fixed_dictionaries({"probability": st.floats(0.05, 0.5), "seed": st.integers(0, 99)}),
    st.fixed_dictionaries({"every": st.integers(2, 5)}),
)
_a_while = st.fixed_dictionaries({"skip": st.integers(0, 30), "times": st.sampled_from([1, 2, 6, 30, 500])})
_briefly = st.fixed_dictionaries({"skip": st.integers(0, 30), "times": st.integers(1, 2)})


def _struck(fault: st.SearchStrategy[Any], when: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(fault, when).map(lambda pair: {**pair[0], **pair[1]})


passing = st.lists(
    st.one_of(
        _struck(_REFUSED, st.one_of(_often, _a_while)),
        _struck(_UNANSWERED, st.one_of(_often, _a_while)),
        _struck(_SLOW, _briefly),
        _struck(_LATE, _briefly),
    ),
    max_size=3,
)
"""Troubles that end with no answer, among them outages that end, and some that are longer than patience."""

_soon = st.fixed_dictionaries({"skip": st.integers(2, 12), "times": st.just(500)})


def _and(first: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.tuples(first, passing).map(lambda pair: [pair[0], *pair[1]])


TROUBLES = {
    "passing": passing,
    "refusing": _and(_struck(_FORBIDDEN, _often)),
    "silent": _and(_struck(_UNANSWERED, _soon)),
    "stopping": _and(_struck(_STOPPING, _soon)),
}
"""Troubles by what they come to: nothing, refused records, a dead vendor, a refused credential or host."""

short = st.lists(
    st.one_of(_struck(st.one_of(_REFUSED, _UNANSWERED), _briefly), _struck(_SLOW, _often)), max_size=6
)
"""Troubles that every request outlives."""

ways = st.fixed_dictionaries(
    {
        "concurrency": st.integers(1, 8),
        "batch_size": st.integers(1, 5),
        "rejects": st.booleans(),
        "harsh": st.booleans(),
        "window": st.sampled_from([5, 1000]),
        "as_list": st.booleans(),
    }
)
"""Settings of the push, the harsher reading of the vendor's page, and whether the source is a list."""
