"""Rates, such as 10 requests a second: read from text, and which of several decide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.vendors.exchange import Allowance, Rate

_RATE = re.compile(r"\s*(\d{1,12})\s*/\s*(\d{1,12}(?:\.\d{1,12})?)?\s*(s|m|min|h)?\s*", re.ASCII)
_UNITS = {None: 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_MOST_REQUESTS = 1_000_000_000
_LONGEST_WINDOW = 31 * 86_400.0


def parse_quota(text: Any) -> tuple[Rate, ...]:
    """Read a quota such as ``"10/1s, 150/60s"``; ``"none"`` lifts every limit.

    What a template makes of nothing (``"None"``, ``""``, ``"null"``) lifts none: it is refused.

    Raises:
        ConfigurationError: the text is not of this form.
    """
    shown = text if isinstance(text, str) else repr(text)
    if shown.strip() == "none":
        return ()
    rates = []
    for part in shown[:1000].split(","):
        match = _RATE.fullmatch(part) if isinstance(text, str) else None
        limit = int(match[1]) if match else 0
        seconds = float(match[2] or 1) * _UNITS[match[3]] if match else 0.0
        if not (1 <= limit <= _MOST_REQUESTS and 0.001 <= seconds <= _LONGEST_WINDOW):
            raise ConfigurationError(
                f'quota {shown[:100]!r} is not of the form "10/1s, 150/60s" or "none" (which lifts all)'
            )
        rates.append(Rate(limit, seconds))
    return tuple(rates)


def fastest(rates: Sequence[Rate], requests: int) -> float:
    """Return the seconds that so many requests take at the least, the first of them sent at once."""
    seconds, rest = 0.0, requests
    for rate in sorted(binding(rates), key=lambda rate: -rate.seconds):
        full = max(rest - 1, 0) // rate.limit
        seconds += full * rate.seconds
        rest -= full * rate.limit
    return seconds


def share_used(rates: Sequence[Rate], requests: int, seconds: float) -> float | None:
    """Return the share, from 0 to 1, of what rates allow in so many seconds; None where they limit nothing.

    A window that has only begun counts whole: all that it allows may be used at once.
    """
    if not rates:
        return None
    allowed = min(rate.limit * max(1.0, seconds / rate.seconds) for rate in rates)
    return round(min(1.0, requests / allowed), 3)


def binding(rates: Sequence[Rate]) -> list[Rate]:
    """Leave out rates that another one makes meaningless; the others come with the shortest window first."""
    found: list[Rate] = []
    for rate in sorted(rates, key=lambda rate: (rate.seconds, rate.limit)):
        if any(_follows(rate, shorter) for shorter in found):
            continue
        while found and rate.limit <= found[-1].limit:
            found.pop()
        found.append(rate)
    return found


def _follows(rate: Rate, shorter: Rate) -> bool:
    """Whether who keeps to the rate of a shorter window keeps to this one, too.

    Its windows side by side cover the longer one; the last of them may lie in it in part, and yet be full.
    """
    windows = -(-milliseconds(rate) // milliseconds(shorter))
    return rate.limit >= shorter.limit * windows


def milliseconds(rate: Rate) -> int:
    """Return the length of a rate's window."""
    return round(rate.seconds * 1000)


def meant_by(rates: Sequence[Rate], answer: Allowance) -> Rate | None:
    """Return the rate that an answer speaks of: of the same limit, else of the shortest window that fits."""
    by_window = sorted(rates, key=lambda rate: rate.seconds)
    same = [rate for rate in by_window if rate.limit == answer.limit]
    fitting = [rate for rate in by_window if rate.seconds >= answer.reset]
    found = same or fitting
    return found[0] if found else None
