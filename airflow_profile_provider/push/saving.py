"""Saves how far a push has come, so that a later try goes on there."""

from __future__ import annotations

import time

from airflow_profile_provider.checkpoint import Checkpoint
from airflow_profile_provider.delivery.quota import Quota
from airflow_profile_provider.delivery.sender import Sender
from airflow_profile_provider.errors import PushStopped, where_raised
from airflow_profile_provider.push.account import Account
from airflow_profile_provider.push.files import Outputs
from airflow_profile_provider.push.limit import Limit
from airflow_profile_provider.push.log import Log
from airflow_profile_provider.push.watermark import Resume, Watermark
from airflow_profile_provider.reports import MOST_REASONS


class NoSaving:
    """Nothing is saved: nobody will go on from there."""

    resumed = False

    def save(self, words: str, *, ended: bool = False) -> Checkpoint | None:
        """Save nothing."""


class Saving(NoSaving):
    """Makes checkpoints of a push, and gives them to whoever keeps them."""

    def __init__(
        self,
        resume: Resume,
        watermark: Watermark,
        account: Account,
        outputs: Outputs,
        sender: Sender,
        quota: Quota,
        log: Log,
        limit: Limit,
        *,
        has_ledger: bool,
    ) -> None:
        self.resumed = resume.start is not None
        self._resume = resume
        self._watermark = watermark
        self._account = account
        self._outputs = outputs
        self._sender = sender
        self._quota = quota
        self._log = log
        self._limit = limit
        self._has_ledger = has_ledger

    def save(self, words: str, *, ended: bool = False) -> Checkpoint | None:
        """Save how far the push is; nothing where its files could not be secured so far."""
        try:
            sizes = self._outputs.secure()
        except PushStopped as stopped:
            self._sender.stop(stopped)
            return None
        if sizes is None:
            return None
        checkpoint = self._checkpoint(*sizes, ended=ended)
        try:
            self._resume.save(checkpoint, words)
        except Exception as error:  # noqa: BLE001 -- whoever keeps it has errors of its own
            self._log.warning(
                "How far the push has come could not be kept (%s); it goes on, and a retry would start from "
                "an earlier point",
                where_raised(error),
            )
        return checkpoint

    def _checkpoint(
        self, rejects_bytes: int, delivered_bytes: int, audit_bytes: int, *, ended: bool
    ) -> Checkpoint:
        mark, counts, ahead = self._watermark.advance()
        settled = self._account.own(counts, self._watermark.reasons, self._watermark.absent)
        rejects, delivered, audit = self._outputs.kept
        return Checkpoint(
            fingerprint=self._resume.fingerprint,
            mark=mark,
            ahead=ahead,
            report=self._account.whole(settled).as_dict(MOST_REASONS),
            rejects=rejects.path if rejects and rejects_bytes else None,
            rejects_bytes=rejects_bytes,
            delivered=delivered.path if delivered and delivered_bytes else None,
            delivered_bytes=delivered_bytes,
            ages=tuple(self._quota.ages()),
            at=time.time(),
            # What is behind the mark is sent again, but for what a ledger knows.
            taken=self._limit.taken(self._account.verdicts if self._has_ledger else counts),
            ended=ended,
            audit=audit.path if audit and audit_bytes else None,
            audit_bytes=audit_bytes,
            settled=self._watermark.settled_bits,
            cursor=self._watermark.cursor,
            found=self._watermark.found,
        )
