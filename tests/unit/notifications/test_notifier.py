"""The arguments of the notifier: refused when the DAG is parsed, where nothing would be told."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.notifier import BaseNotifier
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.notifications import ProfileAlertsNotifier, task_red


class Mine(BaseNotifier):
    """A notifier of one's own, which reads the alert from the context."""

    def notify(self, context: Any) -> None:
        """Tell nobody."""


def test_a_notifier_that_would_not_say_what_the_alert_is_is_refused() -> None:
    silent = SmtpNotifier(to="a@example.com")
    with pytest.raises(ConfigurationError, match=r"SmtpNotifier .* give it such as subject=.*alert\.subject"):
        ProfileAlertsNotifier(to=silent, when=[task_red()])
    ProfileAlertsNotifier(
        to=SmtpNotifier(to="a@example.com", subject="{{ alert.subject }}"), when=[task_red()]
    )


def test_one_s_own_notifiers_and_functions_are_trusted() -> None:
    ProfileAlertsNotifier(to=[Mine(), lambda context: None], when=[task_red()])


@pytest.mark.parametrize(
    "given",
    [
        {"to": [], "when": [task_red()]},
        {"to": "me@example.com", "when": [task_red()]},
        {"to": Mine(), "when": []},
        {"to": Mine(), "when": [task_red]},
        {"to": Mine(), "when": ["task_red"]},
    ],
)
def test_arguments_that_tell_nobody_of_nothing_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        ProfileAlertsNotifier(**given)
