"""Agile.Now: create an account, once.

Page: the OpenAPI description Accounts 2.0.187 (POST /Account), read 2026-11-21.
Limits: as for the update.
Unknown: which members an account cannot be made without: the request's description requires none, every
answer has those of `USUAL`. So it is the server that decides. PATCH, which makes or updates, is not used: it
is unknown whether it resets what is left out.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from airflow_profile_provider.errors import RecordRefused, Unanswered
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.vendors.agilenow.accounts import FIELDS
from airflow_profile_provider.vendors.agilenow.reading import ROOT, Accounts, Record, shown, written
from airflow_profile_provider.vendors.creating import CREATE_ATTEMPTS, Creates, filled
from airflow_profile_provider.vendors.exchange import Answer, Request, Steps, to_json

USUAL = tuple(name for name, field in FIELDS.items() if field.required)
"""What every account that is answered has."""


class CreatedAccounts(Creates, Accounts):
    """Accounts as they are made."""

    def create(self, change: Change) -> Steps:
        """POST the account; where one may have been made, look whether it is there before another POST."""
        ask, lost = change.perhaps_sent, None
        for _ in range(CREATE_ATTEMPTS):
            if ask and (yield from self._is_made(change, lost)):
                return Acknowledgement(created=True)
            try:
                return (yield from self.post(change))
            except Unanswered as error:
                ask, lost = True, error
        if (yield from self._is_made(change, lost)) or lost is None:
            return Acknowledgement(created=True)
        raise lost

    def post(self, change: Change) -> Generator[Request, Any, Acknowledgement]:
        """POST the account once, and compare what comes back."""
        body = to_json({change.key_type: change.key, **filled(change.fields)})
        path = f"{ROOT}/Account"
        record: Record = yield Request(
            "POST", path, lambda answer: self._read_made(change, answer), body, repeatable=False
        )
        done = self.acknowledge(self.taken(change, None, record), shown(record, change.fields))
        return replace(done, created=True)

    def _is_made(self, change: Change, lost: Unanswered | None) -> Generator[Request, Any, bool]:
        """Look for the account; one that does not hold what was sent may be anybody's."""
        try:
            found: Record | None = yield self._get(change.key_type, change.key)
        except RecordRefused as refused:  # it may not be read: no proof that nobody is there
            raise (lost or refused) from None
        if found is None:
            return False
        sent = filled(change.fields)
        other = [n for n, value in sent.items() if not self.same(n, value, written(found.get(n)))]
        if other:
            raise RecordRefused(
                f"{self.name} has an account of this {change.key_type} already, with another "
                f'{", ".join(other)}: to change it, use mode="upsert"'
            )
        return True

    def _read_made(self, change: Change, answer: Answer) -> Record:
        if answer.status == 403:
            raise self.refusal(answer, "no permission to create: add a Create scope")
        if answer.status == 400:
            given = {change.key_type, *filled(change.fields)}
            missing = [name for name in USUAL if name not in given]
            hint = f"not created; the change has no {', '.join(missing)}" if missing else "not created"
            raise self.refused(answer, hint)
        return self._read_record(change.key_type, (change.key,), answer)
