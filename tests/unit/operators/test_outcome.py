"""What Airflow's own retries of a push go by (3.3)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from own_airflow import AIRFLOW_VERSION

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.operators.outcome import PushFailed, push_retry_policy

pytestmark = pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="Airflow 3.3 brought retry policies")


def decision(error: Exception) -> tuple[str, timedelta | None]:
    made = push_retry_policy().evaluate(error, 1, 3)
    return made.action.value, made.retry_delay


def test_a_refused_credential_fails_at_once() -> None:
    assert decision(PushFailed("401", hopeless=True)) == ("fail", None)


def test_a_retry_comes_when_the_vendor_wants_it() -> None:
    assert decision(PushFailed("429", after=600)) == ("retry", timedelta(minutes=10))


def test_no_vendor_puts_a_retry_off_for_more_than_an_hour() -> None:
    assert decision(PushFailed("429", after=1e9)) == ("retry", timedelta(hours=1))


@pytest.mark.parametrize("error", [PushFailed("some failed"), AirflowException("x"), ValueError("x")])
def test_everything_else_is_left_to_the_task(error: Exception) -> None:
    assert decision(error) == ("default", None)


def test_the_policy_is_the_default_and_can_be_replaced() -> None:
    class Mine(type(push_retry_policy())):  # type: ignore[misc]
        pass

    mine = Mine()
    assert OcambaPushProfilesOperator(task_id="a", records=[]).retry_policy is not None
    assert OcambaPushProfilesOperator(task_id="b", records=[], retry_policy=mine).retry_policy is mine
