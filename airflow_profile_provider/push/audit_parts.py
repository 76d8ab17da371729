"""The parts of a push that reads what the vendor holds: of an audit, and of a repair."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

from airflow_profile_provider.delivery.comparison import Comparison
from airflow_profile_provider.delivery.matching import Matching
from airflow_profile_provider.delivery.reader import Reader
from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.push.account import Account
from airflow_profile_provider.push.audited import AuditSettlement, KeptBack
from airflow_profile_provider.push.auditing import Auditing
from airflow_profile_provider.push.findings import Findings
from airflow_profile_provider.push.intake import Intake
from airflow_profile_provider.push.log import Log
from airflow_profile_provider.push.no_ledger import Session
from airflow_profile_provider.push.options import PushOptions
from airflow_profile_provider.push.outputs import AuditFile
from airflow_profile_provider.push.review import Spool
from airflow_profile_provider.push.telling import Telling
from airflow_profile_provider.push.watermark import Watermark
from airflow_profile_provider.vendors.base import Vendor


class AuditParts:
    """What an audit has beside the parts of every push; ``stack`` closes its private files.

    ``sends`` is how many records a request carries where a repair sends.
    """

    def __init__(
        self,
        options: PushOptions,
        vendor: Vendor,
        mapper: Mapper,
        session: Session,
        transport: Transport,
        file: AuditFile | None,
        place_of: Callable[[int], str],
        stack: ExitStack,
        sends: int,
        matching: Matching | None,
    ) -> None:
        self._vendor = vendor
        self._mapper = mapper
        self._session = session
        self._transport = transport
        self._stack = stack
        self.ledger = session.auditing()
        self._makes_missing = vendor.makes_missing and matching is None  # whom nobody matches stays missing
        self._comparison = Comparison(vendor, mapper, self.ledger.was_answered)
        self.reader = Reader(vendor, transport, self._comparison, sends, matching, session.was_answered)
        self.findings = Findings(
            file,
            values=options.audit_values,
            most=options.max_drifted,
            approved=options.approved_plan,
            makes_missing=self._makes_missing,
            place_of=place_of,
        )
        self._spool = stack.enter_context(closing(Spool())) if options.action == "repair" else None

    def settlement(self, *given: Any) -> AuditSettlement:
        """Return what settles the records; ``given`` are the arguments of every `Settlement`."""
        return AuditSettlement(
            *given,
            audit=self.ledger,
            findings=self.findings,
            found=self._spool,
            makes_missing=self._makes_missing,
        )

    def auditing(
        self,
        intake: Intake,
        settlement: AuditSettlement,
        account: Account,
        watermark: Watermark,
        telling: Telling,
        log: Log,
        *,
        in_flight: int,
        perhaps_sent: bool,
    ) -> Auditing:
        """Return what compares, and repairs."""
        spool, reader = self._spool, self.reader
        auditing = Auditing(
            vendor=self._vendor,
            transport=self._transport,
            reader=reader,
            comparison=self._comparison,
            mapper=self._mapper,
            intake=intake,
            session=self._session,
            audit=self.ledger,
            settlement=settlement,
            findings=self.findings,
            found=None if spool is None else KeptBack(spool, settlement, reader, account, log),
            account=account,
            watermark=watermark,
            telling=telling,
            log=log,
            in_flight=in_flight,
            perhaps_sent=perhaps_sent,
        )
        self._stack.callback(auditing.close)
        return auditing
