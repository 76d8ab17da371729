"""Whether the task of a push is red or green, and what Airflow's retries of it go by."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_profile_provider.errors import (
    ConfigurationError,
    CredentialRefused,
    MassFailure,
    ProfileError,
    PushStopped,
    SourceError,
)
from airflow_profile_provider.options import Share, share

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_profile_provider.reports import Report

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


def nothing_known() -> Report:
    """Return the report of a push that ended without one."""
    from airflow_profile_provider.reports import Report  # not for a DAG's parsing

    return Report(complete=False)


def allowed_failures(max_failed: Any) -> Share:
    """Read ``max_failed``: a count, or a share of those changes that needed delivery; none by default.

    Raises:
        ConfigurationError: it is neither.
    """
    allowed = share("max_failed", max_failed) or Share(0)
    if allowed.percent and allowed.number > 100:
        raise ConfigurationError(f'max_failed must be a count or a share up to "100%", not "{allowed}"')
    return allowed


def problem_of(report: Report, allowed: Share) -> str:
    """Say why a report makes its task red; nothing where it does not."""
    failed, needed = report.undelivered, report.needed
    most = allowed.of(needed)
    if failed > most:
        none_of_so_few = ", which is less than one: give a count" if allowed.percent and 0 < most < 1 else ""
        return f"{failed} of {needed} changes were not delivered; max_failed allows {allowed}{none_of_so_few}"
    answered = report.acknowledged + report.looked_at
    sent_in_vain = report.rejected + report.failed > 0 and answered == 0
    if sent_in_vain and allowed.percent:
        return "changes were sent, and none of them was acknowledged"
    return ""


def words_of(problem: str, report: Report) -> str:
    """Say why a task is red and how much became of what; it ends with the top reason and the rejects."""
    counts = f". {report}" if report.received else ""
    return f"{problem}{counts}{ending_of(report, known=problem)}"


def ending_of(report: Report, known: str = "") -> str:
    """Say why most was not delivered, unless what is ``known`` says it, and in which file all of it is."""
    top = report.top_reason
    reason = top.partition(": ")[2]
    often = f"; most often: {top}" if top and not (reason and reason in known) else ""
    rejects = f"; rejects: {report.rejects}" if report.rejects else ""
    return f"{often}{rejects}"


def red(text: str, report: Report, stopped: ProfileError | None = None) -> AirflowException:
    """Return the error that fails the task, for good where no retry can help."""
    unfinished = isinstance(stopped, SourceError | PushStopped) and not isinstance(stopped, MassFailure)
    retriable = report.failed or report.unsent
    if isinstance(stopped, ConfigurationError) or not (retriable or unfinished):
        return AirflowFailException(text)
    after = stopped.after if isinstance(stopped, PushStopped) else None
    return PushFailed(text, hopeless=isinstance(stopped, CredentialRefused), after=after)


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
