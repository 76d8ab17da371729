"""Where a page of a list ended, as the text by which the next page is asked for."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any


class NoCursor(ValueError):
    """What is given as the end of a page is none."""


def written(place: Sequence[str | int]) -> str:
    """Write down where a page ended."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def read(cursor: str, *kinds: type) -> Any:
    """Return where a page ended: as many texts and numbers as there are kinds.

    Raises:
        NoCursor: it is no such place.
    """
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError:
        place = None
    if not isinstance(place, list) or [type(part) for part in place] != list(kinds):
        raise NoCursor("no page ended there")
    return tuple(place)
