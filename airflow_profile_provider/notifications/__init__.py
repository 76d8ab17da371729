"""Alerts: one message when something about a push begins to be wrong, and one when that is over."""

from __future__ import annotations

from airflow_profile_provider.notifications.conditions import (
    drifted_above,
    nothing_acknowledged_for,
    received_changed_by,
    rejected_above,
    task_red,
)
from airflow_profile_provider.notifications.notifier import ProfileAlertsNotifier

__all__ = [
    "ProfileAlertsNotifier",
    "drifted_above",
    "nothing_acknowledged_for",
    "received_changed_by",
    "rejected_above",
    "task_red",
]
