"""A vendor that keeps values in a form of its own: telephone numbers, e-mail addresses, trimmed texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def rewritten(fields: Mapping[str, Any], forms: Mapping[str, str]) -> dict[str, Any]:
    """Return fields as they are kept: ``forms`` names those that hold an "email" or a "phone"."""
    return {name: _kept(value, forms.get(name, "")) for name, value in fields.items()}


def _kept(value: Any, form: str) -> Any:
    if isinstance(value, list):
        return [_kept(one, form) for one in value]
    if not isinstance(value, str):
        return value
    if form == "email":
        return value.strip().lower()
    return _number(value.strip()) if form == "phone" else value.strip()


def _number(text: str) -> str:
    """A telephone number without what people put between its digits; what has letters stays as it is."""
    digits = re.sub(r"[\s().\-/]", "", text)
    return digits if re.fullmatch(r"\+?\d+", digits) else text
