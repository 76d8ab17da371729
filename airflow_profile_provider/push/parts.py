"""The parts that work on the records of a push, made of what its assembly has opened, and wired together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_profile_provider.push.account import Account
from airflow_profile_provider.push.intake import Intake
from airflow_profile_provider.push.leavers import Leavers, NoLeavers
from airflow_profile_provider.push.limit import Limit
from airflow_profile_provider.push.log import Log
from airflow_profile_provider.push.no_ledger import Session
from airflow_profile_provider.push.planning import Planning, Stages
from airflow_profile_provider.push.problems import Problems
from airflow_profile_provider.push.progress import Progress, estimate
from airflow_profile_provider.push.push import Parts
from airflow_profile_provider.push.saving import NoSaving, Saving
from airflow_profile_provider.push.settlement import NoReceipts, Settlement
from airflow_profile_provider.push.telling import Telling
from airflow_profile_provider.push.watermark import Marks, NoWatermark, Watermark
from airflow_profile_provider.push.ways import each_read
from airflow_profile_provider.records import Row
from airflow_profile_provider.reports import Report
from airflow_profile_provider.sources.batches import RowBatch

if TYPE_CHECKING:
    from airflow_profile_provider.push.assembly import Assembly


def parts_of(
    assembly: Assembly,
    session: Session,
    rows: Iterator[Row],
    batches: Iterator[RowBatch] | None,
    log: Log,
    clock: Callable[[], float],
) -> Parts:
    """Make what a push is made of; ``batches`` are the same rows by the thousand, if they may be used."""
    resume, outputs = assembly.start
    start = resume.start if resume else None
    expected = _expected(assembly)
    sender, mapper, review = assembly.sender, assembly.mapper, assembly.review
    earlier = Report.of(start.report) if start else Report()
    account = Account(assembly.transport.cost, assembly.quota, outputs, earlier, clock)
    audit = assembly.audit
    watermark: Watermark = NoWatermark()
    if resume:
        watermark = Marks(start, audit.findings) if audit else Watermark(start)
    problems = Problems(assembly.vendor, log, assembly.place_of)
    receipts = (assembly.source.receipts if assembly.options.action == "push" else None) or NoReceipts()
    place_of = assembly.place_of
    given = (mapper, sender, session, account, outputs, problems, watermark, receipts, place_of)
    limit = Limit(assembly.options.limit, start.taken if start else 0)
    audited = audit.settlement(*given) if audit else None
    settlement = audited or Settlement(*given)
    saving = (
        Saving(
            resume,
            watermark,
            account,
            outputs,
            sender,
            assembly.quota,
            log,
            limit,
            has_ledger=assembly.session is not None,
        )
        if resume
        else NoSaving()
    )
    progress = _progress(assembly, expected, before=earlier.received)
    seconds = assembly.surroundings.tell_seconds
    telling = Telling(account, progress, settlement, saving, sender, log, seconds, clock)
    compared = audit.ledger.rows if audit else session.unheld
    if assembly.session and assembly.options.action == "baseline" and review is None:
        compared = assembly.session.untaken
    leavers = _leavers(assembly, account, log)
    intake = Intake(
        rows,
        batches,
        mapper,
        compared,
        account,
        settlement,
        telling,
        watermark,
        sender,
        leavers,
        keeps_keys=outputs.delivered is not None,
    )
    again = assembly.is_retried
    planning: Stages
    if audit and audited:
        planning = audit.auditing(
            intake,
            audited,
            account,
            watermark,
            telling,
            log,
            in_flight=assembly.surroundings.concurrency(assembly.options.concurrency),
            perhaps_sent=again,
        )
    else:
        planning = Planning(
            intake, session, settlement, account, sender, review, log, limit, perhaps_sent=again
        )
    return Parts(
        sender=sender,
        planning=planning,
        intake=intake,
        session=session,
        settlement=settlement,
        problems=problems,
        account=account,
        outputs=outputs,
        saving=saving,
        telling=telling,
        review=review,
        leavers=leavers,
        log=log,
    )


def _leavers(assembly: Assembly, account: Account, log: Log) -> NoLeavers:
    """Return what finds the keys that left the source."""
    members = assembly.session.members if assembly.session else None
    if assembly.keys is None or members is None:
        return NoLeavers()
    how = replace(assembly.options.absent, fields=assembly.constants or None)
    return Leavers(how, assembly.keys, members, account, assembly.sender, log, assembly.start[1].absent)


def _progress(assembly: Assembly, expected: int | None, *, before: int) -> Progress:
    """Return what says how far the push is; ``before``: records that an earlier try has settled."""
    return Progress(
        assembly.quota,
        expected,
        each_read(assembly.vendor) if assembly.audit else _requests_per_record(assembly),
        before=before,
        at_most=assembly.session is not None,
    )


def _requests_per_record(assembly: Assembly) -> float:
    """How many requests a record takes at the most, usually."""
    look_ups = assembly.vendor.requests_per_find if assembly.options.match else 0
    reads = assembly.vendor.requests_per_read if _reads_each(assembly) else 0
    return assembly.vendor.requests_per_batch / assembly.batch_size + look_ups + reads


def _reads_each(assembly: Assembly) -> bool:
    """Whether each profile is read first, beside the requests that its batch takes."""
    options = assembly.options
    return bool(options.set_if_empty) and not (options.reads or assembly.vendor.reads_first)


def _expected(assembly: Assembly) -> int | None:
    """Return about how many records there are, where that is known, and say what they will cost."""
    options = assembly.options
    expected = None if options.only is not None or options.partition else assembly.source.count()
    if expected and not options.reads:  # an audit says what it costs once it knows of how many profiles
        at_most = assembly.session is not None
        words = estimate(
            min(expected, options.limit or expected),
            assembly.batch_size,
            assembly.vendor,
            assembly.quota,
            at_most=at_most,
            look_ups=assembly.options.match is not None,
            reads=_reads_each(assembly),
        )
        assembly.surroundings.log.info("%s", words)
    return expected
