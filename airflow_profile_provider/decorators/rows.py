"""What a user's function gives a push, and what is said where it raises: never its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import PurePath
from types import TracebackType
from typing import Any

from airflow_profile_provider.errors import ProfileError, SourceError


def given_by(
    function: Callable[..., Any], call: Callable[[], Any], passed: Sequence[type[BaseException]]
) -> Any:
    """Call a function, and return its records; those of a generator are read later, but for the first.

    ``passed`` are errors that mean something to whoever called.

    Raises:
        SourceError: it raised something else, whatever that is.
    """
    failure: SourceError
    try:
        found = call()
        if not isinstance(found, Iterator) or hasattr(found, "__arrow_c_stream__"):  # a reader of Arrow's
            return found
        return Rows(found, function, next(found))
    except StopIteration:  # a generator that yields nothing
        return []
    except Exception as error:  # somebody's own code; its words may hold values
        if isinstance(error, (*passed, ProfileError)):
            raise
        failure = SourceError(_words(error, function))
    raise failure


class Rows(Iterator[Any]):
    """The rows of a generator; where it raises, the error says where, and nothing of its text."""

    def __init__(self, rows: Iterator[Any], function: Callable[..., Any], first: Any) -> None:
        self._made_by = rows
        self._rows = chain([first], rows)
        self._function = function
        self._position = 0

    def __next__(self) -> Any:
        """Return the next row.

        Raises:
            SourceError: the generator raised something.
        """
        failure: SourceError
        try:
            row = next(self._rows)
        except (StopIteration, ProfileError):
            raise
        except Exception as error:  # noqa: BLE001 -- somebody's own code; its words may hold values
            failure = SourceError(f"{_words(error, self._function)}, after {self._position:,} rows")
        else:
            self._position += 1
            return row
        raise failure

    def close(self) -> str:
        """End the generator, where it has not ended; say what it raised then, or nothing."""
        try:
            getattr(self._made_by, "close", bool)()
        except Exception as error:  # noqa: BLE001 -- somebody's own code; its words may hold values
            return _words(error, self._function)
        return ""


def _words(error: BaseException, function: Callable[..., Any]) -> str:
    """Say what a function raised, and where: in its own file, and deeper down if it was not there."""
    code = getattr(function, "__code__", None)
    file = code.co_filename if code else None
    frames = list(_frames(error.__traceback__))
    own = [frame for frame in frames if frame[0] == file]
    raised = f"{getattr(function, '__name__', 'the function')} raised {type(error).__name__}"
    if not frames:
        return raised
    last = own[-1] if own else frames[-1]
    deeper = f", out of {_place(frames[-1])}" if frames[-1] != last else ""
    return f"{raised} in {_place(last)}{deeper}"


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, str, int]]:
    """Yield file, function and line, outermost first; ours are left out."""
    while trace:
        code = trace.tb_frame.f_code
        if code.co_filename != __file__:
            yield code.co_filename, code.co_name, trace.tb_lineno
        trace = trace.tb_next


def _place(frame: tuple[str, str, int]) -> str:
    file, name, line = frame
    return f"{name} ({PurePath(file).name}, line {line})"
