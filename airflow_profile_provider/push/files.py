"""The files that one push writes, together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_profile_provider.checkpoint import Checkpoint
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.push.options import PushOptions
from airflow_profile_provider.push.outputs import Absent, AuditFile, Delivered, Rejects
from airflow_profile_provider.sources.packing import packing_of
from airflow_profile_provider.sources.reading import LEAST_BYTES, Open


@dataclass(frozen=True)
class Files:
    """How files are opened, wherever they are.

    ``parts`` returns the files that a path stands for; ``try_out`` raises ConfigurationError where a file
    cannot be written.
    """

    open: Open
    parts: Callable[[str], list[str]]
    try_out: Callable[[str], object]


@dataclass(frozen=True)
class Outputs:
    """The files that a push writes; None: not asked for."""

    files: Files
    rejects: Rejects | None
    delivered: Delivered | None
    plan: str | None = None
    audit: AuditFile | None = None
    absent: Absent | None = None

    @property
    def kept(self) -> tuple[Rejects | None, Delivered | None, AuditFile | None]:
        """Those with which a later try goes on, in the order of a checkpoint's members."""
        return self.rejects, self.delivered, self.audit

    @classmethod
    def of(cls, options: PushOptions, files: Files) -> Outputs:
        """Return the files that were asked for; none of them is opened so far."""
        rejects, delivered, mapped = options.rejects_path, options.delivered_path, options.fields is not None
        longest = max(options.max_record_bytes, LEAST_BYTES)
        return cls(
            files,
            None if rejects is None else Rejects(rejects, files.open, mapped=mapped, longest_row=longest),
            None if delivered is None else Delivered(delivered, files.open),
            options.plan_path,
            None if options.audit_path is None else AuditFile(options.audit_path, files.open),
            None if options.absent_path is None else Absent(options.absent_path, files.open),
        )

    def try_out(self) -> None:
        """Make sure that each of them can be written, before anything is sent."""
        paths = [output.path for output in (*self.kept, self.absent) if output]
        for path in (*paths, *([self.plan] if self.plan else [])):
            if (packing := packing_of(path)) not in {"", ".gz"}:
                raise ConfigurationError(f"{path}: no file is written as {packing}; write text, or .gz")
            self.files.try_out(path)

    def go_on_from(self, start: Checkpoint) -> None:
        """Begin with what earlier tries wrote.

        Raises:
            SourceError: a file of theirs is gone.
        """
        for output in self.kept:
            if output:
                output.go_on_from(start)

    def secure(self) -> tuple[int, ...] | None:
        """Make sure that what was written outlives this process; return the sizes in bytes.

        None: a file is kept only once it is closed.

        Raises:
            OutputFailed: one cannot be written.
        """
        sizes = [output.secure() if output else 0 for output in self.kept]
        found = tuple(size for size in sizes if size is not None)
        return found if len(found) == len(sizes) else None
