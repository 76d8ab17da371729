"""A push whose alerts go to a mail server and, where its provider is there, to Slack."""

from __future__ import annotations

from typing import Any

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG, Variable

from airflow_profile_provider.notifications import ProfileAlertsNotifier, rejected_above, task_red
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

to: list[Any] = [
    SmtpNotifier(
        smtp_conn_id="alerts_mail",
        from_email="airflow@example.com",
        to="team@example.com",
        subject="{{ alert.subject }}",
        html_content="{{ alert.html }}",
    )
]
try:
    from airflow.providers.slack.notifications.slack import SlackNotifier
except ImportError:
    pass
else:
    to.append(SlackNotifier(slack_conn_id="alerts_slack", channel="#data", text="{{ alert.slack }}"))

alerts = ProfileAlertsNotifier(to=to, when=[task_red(), rejected_above(1)])

with DAG(
    "alerted_pushes",
    schedule=None,
    default_args={"on_success_callback": alerts, "on_failure_callback": alerts},
):
    OcambaPushProfilesOperator(
        task_id="push", records=f"{Variable.get('profiles_folder')}/alerted.jsonl", max_failed=2
    )
