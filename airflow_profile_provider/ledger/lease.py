"""The right to push to a target, held by one push at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from airflow_profile_provider.errors import LedgerFailed
from airflow_profile_provider.ledger.statements import insert_into
from airflow_profile_provider.ledger.tables import Tables, begun, patient

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

LEASE_SECONDS = 60.0


class Lease:
    """The lease of one share of a target.

    Who holds it renews it: with every write to the ledger, from a thread while nothing is written, and, where
    even that stood still (a machine that slept), before anything more is sent. ``run`` names the task
    instance: its next try takes the lease at once, and the try before it, should it still live, has lost it.
    """

    def __init__(
        self, engine: Engine, name: str, run: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine
        self._table = Tables.described().leases
        self.name = name
        self._run = run[:1000]
        self._token = uuid4().hex
        self._clock = clock
        self._renewed = 0.0
        self._lock = threading.Lock()
        self.lost: LedgerFailed | None = None

    def take(self) -> bool:
        """Take it; False where another push holds it."""
        table, now = self._table, self._clock()
        new = {"name": self.name, "run": "", "token": "", "until": 0.0}
        free = (table.c.run == self._run) | (table.c.until < now)
        with begun(self._engine) as connection:
            inserted = insert_into(table, self._engine.dialect.name).on_conflict_do_nothing()
            connection.execute(inserted, [new])
            change = table.update().where(table.c.name == self.name, free)
            change = change.values(run=self._run, token=self._token, until=now + LEASE_SECONDS)
            taken = connection.execute(change).rowcount > 0
        if taken:
            self._renewed, self.lost = now, None
        return taken

    def renew(self, connection: Connection) -> None:
        """Renew it in a transaction: what else that holds happens only while the lease is held.

        Raises:
            LedgerFailed: another push has it.
        """
        table, now = self._table, self._clock()
        mine = table.update().where(table.c.name == self.name, table.c.token == self._token)
        if not connection.execute(mine.values(until=now + LEASE_SECONDS)).rowcount:
            self.lost = LedgerFailed(
                "another push to the same target has taken over: this one did not renew its lease in time"
            )
            raise self.lost
        self._renewed = now

    def check(self) -> LedgerFailed | None:
        """Say why nothing more may be sent, if so; asks the database only if it was not renewed lately."""
        if self.lost is None and self._clock() - self._renewed > LEASE_SECONDS / 2:
            with self._lock:
                if self._clock() - self._renewed > LEASE_SECONDS / 2:
                    self._renew_or_lose()
        return self.lost

    def _renew_or_lose(self) -> None:
        try:
            self._renew_by_itself()
        except LedgerFailed as error:
            self.lost = error

    @patient
    def _renew_by_itself(self) -> None:
        with begun(self._engine) as connection:
            self.renew(connection)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew it from a thread meanwhile, and give it back at the end."""
        ended = threading.Event()

        def keep() -> None:
            while not ended.wait(LEASE_SECONDS / 4):
                with self._lock:
                    due = self._clock() - self._renewed > LEASE_SECONDS / 5
                    if due and self.lost is None:
                        self._renew_or_lose()

        keeper = threading.Thread(target=keep, name="lease", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            ended.set()
            keeper.join()
            self.give_back()

    @patient
    def give_back(self) -> None:
        """Let the next push have it."""
        table = self._table
        with begun(self._engine) as connection:
            connection.execute(table.delete().where(table.c.name == self.name, table.c.token == self._token))
