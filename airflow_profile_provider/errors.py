"""What can go wrong, classed by what to do next.

    ProfileError
    ├── ConfigurationError      correct the connection or the arguments; nothing was sent
    ├── SourceError             correct the source and run again
    ├── InvalidRecord           this record only: refused before sending
    ├── VendorError             what one answer, or silence, means
    │   ├── RecordRefused       this record only: the vendor refused it
    │   │   └── Unmatched       no profile of the vendor's is meant by it, or none for sure
    │   ├── BatchUnproven       send the batch's records one by one
    │   └── Retriable           try again, not before ``after`` seconds
    │       ├── Throttled       the vendor refused it for its rate
    │       └── Unanswered      no answer: whether the vendor applied it is unknown
    │           └── NoAnswer    none came at all: it may even reach the vendor later
    └── PushStopped             the whole push ended early; ``report`` tells how far it came
        ├── CredentialRefused   renew the credential
        ├── WrongMapping        correct the mapping; nothing was sent (a ConfigurationError, too)
        ├── WrongHost           correct the host
        ├── LedgerFailed        fix the ledger's database
        ├── OutboxFailed        let the connection mark the outbox's rows
        ├── QuotaFailed         fix the store of the shared quota
        ├── OutputFailed        make room for the file that cannot be written
        ├── AskedToEnd          somebody ended it: a time-out, a signal, `stop()`
        ├── Unforeseen          somebody else's error, in the source or anywhere: look where it says
        ├── Blocked             leave the vendor alone for ``after`` seconds: it asked for that
        ├── MassFailure         nothing gets through: look at the vendor or the mapping
        └── Paused              the next request may go in ``after`` seconds: come back then

A message never holds a credential or a profile's value, so that it may be logged. The vendor's own words
can repeat values: they are kept apart in ``detail``, for the rejects file alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_profile_provider.checkpoint import Checkpoint
    from airflow_profile_provider.reports import Report


class ProfileError(Exception):
    """Base of every error that leaves a push.

    ``report`` counts what was and what was not delivered, once a push had begun to open its source.
    """

    report: Report | None = None


class ConfigurationError(ProfileError):
    """The connection or the arguments are wrong; nothing was sent."""


class SourceError(ProfileError):
    """The source cannot be read, or is empty where it must not be."""


class InvalidRecord(ProfileError):
    """This record cannot be sent as it is; the message names the field and the remedy."""


class VendorError(ProfileError):
    """What one answer of a vendor means.

    ``detail`` holds the vendor's own words (str, possibly empty). They may repeat profile values.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail

    @property
    def full(self) -> str:
        """The reason with the vendor's own words: for the rejects file, never for a log."""
        return f"{self}: {self.detail}" if self.detail else str(self)


class RecordRefused(VendorError):
    """The vendor refused this record; sending it again unchanged cannot help.

    ``status`` is HTTP's. ``nobody`` says that the vendor's words mean that there is no such profile.
    ``ignored`` has what it holds in the place of what was sent, where that is all that is wrong.
    """

    status: int | None = None
    nobody: bool = False
    ignored: Mapping[str, Any] = MappingProxyType({})


class Unmatched(RecordRefused):
    """No profile of the vendor's is found for this record, or more than one; another time, one may be."""


class BatchUnproven(VendorError):
    """No answer proves that every record of this batch was taken.

    ``lasting`` says that other batches would fare the same.
    """

    def __init__(self, reason: str, *, lasting: bool) -> None:
        super().__init__(reason)
        self.lasting = lasting


class Retriable(VendorError):
    """The vendor did not take the request this time. ``after`` is its wish in seconds, if it named one."""

    def __init__(self, reason: str, detail: str = "", *, after: float | None = None) -> None:
        super().__init__(reason, detail)
        self.after = after


class Throttled(Retriable):
    """The vendor refused the request for its rate."""


class Unanswered(Retriable):
    """The request may have reached the vendor, but no usable answer came back."""


class NoAnswer(Unanswered):
    """No answer came, or that of something in between which waited for none: it may still be under way."""


class PushStopped(ProfileError):
    """The push ended before its source did.

    ``after`` is how many seconds the vendor wants to be left alone, if it said so.
    """

    after: float | None = None


class CredentialRefused(PushStopped):
    """The vendor refused the credential."""


class WrongHost(PushStopped):
    """Whatever answered is not the vendor's API."""


class WrongMapping(PushStopped, ConfigurationError):
    """The vendor's own list of fields lacks some that the mapping names; nothing was sent."""


class MassFailure(PushStopped):
    """So much failed that going on would only repeat it."""


class LedgerFailed(PushStopped):
    """What the vendor acknowledges cannot be written down."""


class OutboxFailed(PushStopped):
    """What became of an outbox's rows cannot be written there; they are owed still."""


class QuotaFailed(PushStopped):
    """What others use of a shared quota cannot be known: nothing may be sent."""


class OutputFailed(PushStopped):
    """A file that the push writes cannot be written any further."""


class AskedToEnd(PushStopped):
    """Somebody asked the push to end: nothing is wrong with it."""


class Unforeseen(PushStopped):
    """Something raised an error that is none of this package's; its text may hold values."""


class Blocked(PushStopped):
    """The vendor wants to be left alone for ``after`` seconds, longer than a push waits."""

    def __init__(self, reason: str, after: float) -> None:
        super().__init__(reason)
        self.after = after


class Paused(PushStopped):
    """The quota allows the next request only in ``after`` seconds; nothing is wrong.

    ``checkpoint`` is what the push needs to go on.
    """

    checkpoint: Checkpoint | None = None

    def __init__(self, reason: str, after: float) -> None:
        super().__init__(reason)
        self.after = after


def unchained(error: ProfileError) -> ProfileError:
    """Return an error without somebody else's that it came from: their texts may hold values or secrets.

    ``from None`` only hides them from a traceback; whoever looks at the error itself finds them all the same.
    """
    link: BaseException | None = error
    while link is not None:
        if not isinstance(link.__context__, ProfileError):
            link.__context__ = None
        if not isinstance(link.__cause__, ProfileError):
            link.__cause__ = None
        link = link.__cause__ or link.__context__
    return error


def sorted_error(error: BaseException, doing: str = "the push") -> PushStopped:
    """Return an error as one of ours: by its type and where it was raised, since its text may hold values."""
    if isinstance(error, PushStopped):
        return error
    if isinstance(error, ProfileError):
        return PushStopped(str(error))
    return Unforeseen(f"{doing} ended early: {where_raised(error)}")


def where_raised(error: BaseException) -> str:
    """Name an error by its type and the line that raised it, without a word of its text."""
    name = type(error).__name__
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return name
    code = trace.tb_frame.f_code
    return f"{name} in {code.co_name} ({PurePath(code.co_filename).name}, line {trace.tb_lineno})"
