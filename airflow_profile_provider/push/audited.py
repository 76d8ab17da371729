"""Settles what an audit has compared: what differs is noted, and kept back where it is to be repaired."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any

from airflow_profile_provider.delivery.sender import Sender
from airflow_profile_provider.delivery.settled import Settled
from airflow_profile_provider.errors import PushStopped
from airflow_profile_provider.push.account import Account
from airflow_profile_provider.push.findings import Findings
from airflow_profile_provider.push.gathered import Gathering
from airflow_profile_provider.push.log import Log
from airflow_profile_provider.push.no_ledger import Audit
from airflow_profile_provider.push.planning import spooled
from airflow_profile_provider.push.review import Spool
from airflow_profile_provider.push.settlement import Settlement
from airflow_profile_provider.records import Change, Proposal, Reason, Verdict


class AuditSettlement(Settlement):
    """What became of the records of an audit; those that a repair sends, it settles as a push does.

    ``found`` keeps what a repair is to send, None where nothing is; ``makes_missing``: of profiles that are
    missing, too.
    """

    def __init__(
        self, *given: Any, audit: Audit, findings: Findings, found: Spool | None, makes_missing: bool
    ) -> None:
        super().__init__(*given)
        self._audit = audit
        self._findings = findings
        self._found = found
        self._repaired = {Verdict.DRIFTED, *((Verdict.MISSING,) if makes_missing else ())}
        self._compared: dict[int, Gathering] = {}

    def compare(self, gathering: Gathering) -> Change:
        """Return what is to be compared of the changes of a profile; they get their verdict together."""
        change = gathering.change
        self._compared[change.position] = gathering
        return change

    def settle(self, settled: Settled) -> None:
        """Settle all changes of a profile by what came of comparing them."""
        gathering = self._compared.pop(settled.planned.change.position, None)
        if gathering is None:
            super().settle(settled)
            return
        planned = settled.planned
        planned.parts = list(gathering.parts)
        self._audit.settled(
            planned, settled.verdict, settled.looked.unseen if settled.looked else frozenset()
        )
        fields = tuple(settled.looked.differing) if settled.looked else ()
        if settled.verdict in {Verdict.DRIFTED, Verdict.MISSING}:
            try:
                self._findings.look_at(settled, fields)
            except PushStopped as stopped:
                self._sender.stop(stopped)
            if settled.verdict in self._repaired and self._found is not None:
                self._keep_back(self._found, gathering, fields)
                return
        super().settle(settled)

    def _keep_back(self, found: Spool, gathering: Gathering, fields: tuple[str, ...]) -> None:
        """Keep changes until all that differs is known."""
        try:
            for part, row in zip(gathering.parts, gathering.rows, strict=True):
                names = tuple(part.relationships)
                found.add(Proposal(part, Reason.DRIFTED, fields, names, "", row))
        except PushStopped as stopped:
            self._sender.stop(stopped)


class KeptBack:
    """What differs and is to be repaired once all of it is known, to be read once."""

    def __init__(
        self, spool: Spool, settlement: Settlement, sender: Sender, account: Account, log: Log
    ) -> None:
        self._settlement = settlement
        self._rest = spooled(spool, settlement, sender, account, log)

    def __iter__(self) -> Iterator[Proposal]:
        """Read what has not been read so far."""
        return self._rest

    def leave(self, verdict: Verdict, reason: str) -> None:
        """Settle what has not been read: the last change of each profile has this verdict.

        What would only be found to have drifted is missing where no field of it was compared.
        """
        for one, later in pairwise(chain(self._rest, (None,))):
            if one is None:
                return
            is_last = later is None or later.change.identity != one.change.identity
            own = Verdict.MISSING if verdict is Verdict.DRIFTED and not one.fields else verdict
            self._settlement.settle_early(
                one.change, own if is_last else Verdict.SUPERSEDED, reason if is_last else ""
            )
