"""One key explained, where the function used to be: `ProfileHook.explain` does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_profile_provider.explain.explanation import Explanation
    from airflow_profile_provider.hooks.base import ProfileHook


def explain(hook: ProfileHook, wanted: str | int, /, records: Any = None, **options: Any) -> Explanation:
    """Say what a push with these options would do with one key, and why; see `ProfileHook.explain`."""
    return hook.explain(wanted, records, **options)
