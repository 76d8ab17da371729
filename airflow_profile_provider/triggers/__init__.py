"""Triggers: they watch, and never send anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_profile_provider.triggers.profile_changes import ProfileChangesTrigger

__all__ = ["ProfileChangesTrigger"]


def __getattr__(name: str) -> Any:
    """Import a trigger when it is asked for."""
    if name in __all__:
        from airflow_profile_provider.triggers import profile_changes

        return getattr(profile_changes, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
