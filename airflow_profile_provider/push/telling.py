"""Says now and then how far a push is, and keeps that."""

from __future__ import annotations

from collections.abc import Callable

from airflow_profile_provider.delivery.sender import Sender
from airflow_profile_provider.errors import AskedToEnd
from airflow_profile_provider.push.account import Account
from airflow_profile_provider.push.log import Log
from airflow_profile_provider.push.progress import Progress
from airflow_profile_provider.push.saving import NoSaving
from airflow_profile_provider.push.settlement import Settlement


class Telling:
    """Tells the log, the ledger, the source and the checkpoints, every ``seconds`` seconds."""

    def __init__(
        self,
        account: Account,
        progress: Progress,
        settlement: Settlement,
        saving: NoSaving,
        sender: Sender,
        log: Log,
        seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self.seconds = seconds
        self._account = account
        self._progress = progress
        self._settlement = settlement
        self._saving = saving
        self._sender = sender
        self._log = log
        self._clock = clock
        self._told = clock()

    def now_and_then(self) -> None:
        """Tell, if it is time."""
        if self._clock() - self._told >= self.seconds:
            self.now()

    def now(self) -> None:
        """Say how far the push is, and save it."""
        self._told = self._clock()
        if isinstance(self._sender.stopped, AskedToEnd):
            return  # the end is near, and tells and saves it all
        own = self._account.own()
        words = self._progress.words(self._account.whole(own), self._account.done, own)
        self._log.info("%s", words)
        self._settlement.write_down()
        self._saving.save(words)
