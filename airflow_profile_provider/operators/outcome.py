"""What Airflow's retries of a push go by: an error that says whether and when, and a policy that reads it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

if TYPE_CHECKING:
    from airflow.sdk import Context

LONGEST_DELAY = timedelta(hours=1)
"""The longest wait that a vendor can impose on a task."""


class PushFailed(AirflowException):
    """A push that another try may help.

    ``hopeless`` says that it will not before somebody acts (a refused credential); ``after`` is how many
    seconds the vendor wants to be left alone, if it said so.
    """

    def __init__(self, text: str, *, hopeless: bool = False, after: float | None = None) -> None:
        super().__init__(text)
        self.hopeless = hopeless
        self.after = after


def push_retry_policy() -> Any:
    """Return the policy for a push, or None before Airflow 3.3, which knows none."""
    try:
        from airflow.sdk import RetryDecision, RetryPolicy
    except ImportError:
        return None

    class PushRetryPolicy(RetryPolicy):
        """Fails at once for a refused credential, and waits as long as the vendor asked."""

        def evaluate(
            self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
        ) -> RetryDecision:
            if not isinstance(exception, PushFailed):
                return RetryDecision.default()
            if exception.hopeless:
                return RetryDecision.fail("the credential was refused: correct the connection")
            if exception.after:
                delay = timedelta(seconds=min(exception.after, LONGEST_DELAY.total_seconds()))
                return RetryDecision.retry(delay, f"the vendor asked to wait {exception.after:.0f} s")
            return RetryDecision.default()

        def serialize(self) -> dict[str, Any]:
            return {}

    return PushRetryPolicy()
