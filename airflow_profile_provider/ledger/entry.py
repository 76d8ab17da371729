"""What the ledger knows of one key, and how that changes while changes of it are sent."""

from __future__ import annotations

from dataclasses import dataclass, field

MANY = "*"
OWED = "!"


@dataclass(slots=True)
class Entry:
    """What the ledger knows of one key.

    ``row`` is the fingerprint of the row that was acknowledged last, ``fields`` those of each field that
    ever was, ``earlier`` the beginnings of those of rows whose place that one took. ``order`` is the place of
    the newest version seen. ``refused`` is that of a change which was refused in ``refusals`` runs, the last
    of them at ``refused_at`` (Unix time).

    ``doubt`` is 0 where there is none; 1 where only an acknowledgement is missing; else the moment (see
    `now_of`) until which an attempt of unknown fate may still arrive, so that only what is sent after it
    leaves no doubt. It is negative while a change of the key is on its way. ``sent`` is the fingerprint of
    the change that may still arrive, `MANY` where there are several; `OWED` stands before it until a change
    is acknowledged. ``claim`` is what the ledger holds in its place while changes are on their way.

    ``spelled`` is the key as it was sent, where that is another text. ``left`` says that the vendor knows
    that the key is gone, so that what was acknowledged before counts no more; ``held``: it did before it was
    told.

    ``unsalted``: the ledger holds it as an older package wrote it, and should have it anew. Here, all is
    salted.
    """

    key: str
    row: bytes | None = None
    fields: dict[str, bytes] = field(default_factory=dict)
    earlier: tuple[bytes, ...] = ()
    doubt: int = 0
    order: int | None = None
    refused: str | None = None
    refusals: int = 0
    refused_at: float = 0.0
    sent: str | None = None
    claim: str | None = None
    unsalted: bool = False
    spelled: str | None = None
    left: bool = False
    held: bool = False

    @property
    def under_way(self) -> bool:
        """Whether a change of the key was on its way, for all that the ledger knows."""
        return self.doubt < 0

    def is_settled(self, whole: str, now: int) -> bool:
        """Whether what may still arrive is this very change, which was acknowledged: that does no harm.

        Once it cannot arrive any more, it is sent a last time all the same.
        """
        return self.sent == whole and self.doubt > 1 and now < self.doubt

    def doubt_until(self, moment: int, whole: str) -> None:
        """Note that a change of unknown fate may still arrive until then, beside what is known of."""
        until = max(abs(self.doubt), moment)
        self.doubt = -until if self.under_way else until
        self.sent = _either(self.sent, whole)

    def set_out(self, whole: str) -> None:
        """Note that a change of the key is on its way."""
        self.doubt = -max(abs(self.doubt), 1)
        self.claim = _either(self.claim or self.sent, whole)

    def fail(self) -> None:
        """Note that it is owed still, and no longer on its way."""
        self.doubt = max(abs(self.doubt), 1)
        self.sent = self.sent and OWED + self.sent.removeprefix(OWED)

    def leave(self, row: bytes, *, held: bool) -> bool:
        """Note that a leaver's change is what the vendor holds; whatever comes back is sent whole.

        False where something else may still arrive: it is to be sent once more.
        """
        if self.doubt:
            return False
        self.row, self.fields, self.earlier, self.left, self.held = row, {}, (), True, held
        return True

    def arrive(self, since: int) -> None:
        """Note that what was sent ``since`` then was acknowledged."""
        self.doubt = 0 if abs(self.doubt) <= since else abs(self.doubt)
        self.sent = self.sent.removeprefix(OWED) if self.sent and self.doubt else None


def _either(one: str | None, other: str) -> str:
    """Return the fingerprint of two changes of which either may arrive."""
    return other if one is None or one.removeprefix(OWED) == other else MANY


def now_of(seconds: float) -> int:
    """Return a Unix time as entries keep it: in milliseconds."""
    return int(seconds * 1000)
