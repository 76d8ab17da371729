"""Gets requests answered: quota, credential, send, read, retry; nothing secret in an error."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import tenacity

from airflow_profile_provider.delivery.bounds import Halt
from airflow_profile_provider.delivery.cost import Cost
from airflow_profile_provider.delivery.failures import Unreached
from airflow_profile_provider.delivery.quota import Quota
from airflow_profile_provider.delivery.retries import Fate, RetryRule, may_repeat
from airflow_profile_provider.delivery.tokens import NoToken, Tokens
from airflow_profile_provider.delivery.wire import Observer, Wire
from airflow_profile_provider.errors import (
    ConfigurationError,
    CredentialRefused,
    MassFailure,
    PushStopped,
    Retriable,
    Throttled,
    Unanswered,
    VendorError,
    WrongHost,
)
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.exchange import Answer, Pause, Request, allowance

if TYPE_CHECKING:
    from requests import Session

T = TypeVar("T")


class _Here(threading.local):
    """What a thread knows of the request that it sends: when it was sent, and until when it may take."""

    sent_at = 0.0
    until = math.inf
    left = False


class Transport:
    """Gets a vendor's requests answered: with permits, tokens and retries, from any number of threads.

    ``mask`` is told every token that is issued, so that logs hide it. ``forbidden`` is asked before each
    request: why nothing more may be sent. A wait for the quota of more seconds than ``patience`` raises
    `Paused`. See `Wire` for the others.
    """

    def __init__(
        self,
        session: Session,
        vendor: Vendor,
        quota: Quota,
        *,
        timeout: float = 30.0,
        retry: RetryRule | None = None,
        mask: Callable[[str], object] = lambda secret: None,
        observer: Observer | None = None,
        forbidden: Callable[[], PushStopped | None] = lambda: None,
        patience: float = math.inf,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cost = Cost()
        self.quota = quota
        self.silent = 0
        """How many requests in a row got no usable answer."""
        self._vendor = vendor
        self._rule = retry or RetryRule()
        self._forbidden = forbidden
        self._patience = patience
        self._sleep = sleep
        self._clock = clock
        self._halt = Halt()
        self._wire = Wire(session, vendor, self._halt, timeout=timeout, observer=observer)
        self._tokens = Tokens(vendor, self._ask_for_token, mask, clock)
        self._here = _Here()

    @property
    def stopped(self) -> PushStopped | None:
        """Why nothing more is sent, if so."""
        return self._halt.reason

    def stop(self, reason: PushStopped) -> None:
        """Send nothing more; what is in flight is finished. The first reason counts."""
        self._halt.stop(reason)

    @property
    def left(self) -> bool:
        """Whether a request left the machine in this thread's last `drive`: its records may have arrived."""
        return self._here.left

    def drive(self, steps: Generator[Request | Pause, Any, T], fate: Fate | None = None) -> T:
        """Run a vendor's generator to its end: send what it yields, give it what was read.

        Where it pauses, what it has sent may be under way until it ends.

        ``fate`` learns what may still be under way, whatever comes of it.

        Raises:
            VendorError: what the vendor made of an answer, or silence after all retries.
            PushStopped: nothing more can get through.
        """
        self._here.left = False
        fate = fate or Fate()
        paused = False
        try:
            request, begun, wrote = next(steps), False, False
            while True:
                if isinstance(request, Pause):
                    paused = True
                    self._nap(request.seconds)
                    request = steps.send(None)
                    continue
                try:
                    found = self.send(request, anyhow=begun, fate=fate)
                except PushStopped as stopped:
                    if wrote and stopped is self.stopped:
                        raise Unanswered(
                            f"the push stopped between the requests of a record: {stopped}"
                        ) from None
                    raise
                except VendorError as error:
                    wrote = wrote or request.method != "GET"
                    request, begun = steps.throw(error), True
                else:
                    wrote = wrote or request.method != "GET"
                    request, begun = steps.send(found), True
        except StopIteration as done:  # what an attempt without an answer has brought about stays unsure
            return done.value  # type: ignore[no-any-return]
        except BaseException:
            fate.unsure = fate.unsure or paused
            raise

    def send(self, request: Request, *, anyhow: bool = False, fate: Fate | None = None) -> Any:
        """Send a request until its answer can be read, and return what was read.

        One that ends what others began waits for its permit ``anyhow``, however long that is. ``fate`` learns
        whether an attempt may still be under way.
        """
        fate = Fate() if fate is None or request.method == "GET" else fate
        name = self._vendor.idempotency_header
        if not name or request.method == "GET":
            return self._sent(request, anyhow, fate)
        before = fate.unsure
        request = replace(request, headers={**request.headers, name: uuid4().hex})
        found = self._sent(request, anyhow, fate)
        fate.unsure = before  # an attempt that comes late does nothing: the vendor knows its key
        return found

    def _sent(self, request: Request, anyhow: bool, fate: Fate) -> Any:
        self._here.until = math.inf
        try:
            return self.send_once(request, anyhow=anyhow)
        except Retriable as error:
            fate.learn(error)
            if not may_repeat(request, error):
                raise
            first: Retriable = error
            reason: PushStopped
        self._here.until = self._here.sent_at + self._rule.longest
        try:
            return self._repeat(request, first, anyhow, fate)
        except Unreached as error:
            reason = WrongHost(f"{error}: check {error.where}")
        except NoToken as error:
            reason = MassFailure(f"no token could be fetched: {error}")
            reason.after = error.after
        raise reason

    def send_once(self, request: Request, *, anyhow: bool = False, repeat: bool = False) -> Any:
        """Send a request without retries and read the answer; counts how many got none in a row."""
        try:
            found = self._ask(request, anyhow, repeat=repeat)
        except Retriable as error:
            self.silent += 1
            if error.after is not None:
                self.quota.obey(error.after, self._rule.retry_after_cap)
            raise
        except VendorError:
            self.silent = 0
            raise
        self.silent = 0
        return found

    def _repeat(self, request: Request, error: Retriable, anyhow: bool, fate: Fate) -> Any:
        """Go on after a first send that failed with error."""
        backoff = self._rule.backoff

        def pause(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            return self._pause(error, backoff(state))

        retrying = tenacity.Retrying(
            stop=self._given_up,
            wait=pause,
            retry=tenacity.retry_if_exception(lambda error: may_repeat(request, error) and not self.stopped),
            sleep=self._nap,
            reraise=True,
        )
        for attempt in retrying:
            with attempt:
                if attempt.retry_state.attempt_number == 1 or self.stopped:
                    raise error  # the first send has been; and a push that stops says what it knows
                try:
                    return self._send_again(request, anyhow)
                except Retriable as again:
                    fate.learn(again)
                    raise
                except PushStopped as stopped:
                    if stopped is not self.stopped:
                        raise
                raise error  # it was sent before the push stopped
        raise error  # not reached: tenacity raises the last error itself

    def _given_up(self, state: tenacity.RetryCallState) -> bool:
        """Whether it was the last attempt, or the next would begin after all that the request may take."""
        late = self._clock() + state.upcoming_sleep >= self._here.until
        return late or state.attempt_number >= self._rule.attempts

    def _send_again(self, request: Request, anyhow: bool) -> Any:
        """Send a request once more, built anew where time may have made it untrue."""
        if request.renewal:
            found = self.send_once(request.renewal.look, anyhow=anyhow)
            request = replace(request.renewal.build(found), headers=request.headers)
        return self.send_once(request, anyhow=anyhow, repeat=True)

    def _nap(self, seconds: float) -> None:
        """Sleep in slices, to notice that the push is stopped."""
        while seconds > 0 and not self.stopped:
            self._sleep(min(seconds, 1.0))
            seconds -= 1.0

    def _pause(self, error: BaseException | None, backoff: float) -> float:
        """Return the seconds to wait here; a wait that the vendor asked for holds every request instead."""
        after = error.after if isinstance(error, Retriable) else None
        if after is not None:
            return 0.0
        if not isinstance(error, Throttled):
            return backoff
        self.quota.hold(min(backoff, self._rule.retry_after_cap))
        return 0.0

    def _ask(self, request: Request, anyhow: bool, *, repeat: bool = False, renewed: bool = False) -> Any:
        token, answer = self._permitted(request, anyhow, repeat)
        failure = self._vendor.read_failure(answer)
        if isinstance(failure, CredentialRefused) and not renewed and self._tokens.discard(token):
            return self._ask(request, anyhow, repeat=True, renewed=True)
        if failure:
            raise failure
        return request.read(answer)

    def _permitted(self, request: Request, anyhow: bool, repeat: bool) -> tuple[str, Answer]:
        """Wait for a permit, send with a token that is good at that moment; return both."""
        begun = self._clock()
        most = self._rule.retry_after_cap
        patience = math.inf if anyhow else self._patience
        waited = self.quota.acquire(lambda: self.stopped, patience=patience, most=most)
        self.cost.add(throttled=waited)
        begun += waited  # when the permit was asked for: it counts from then on
        try:
            if self.stopped is None and (reason := self._forbidden()):
                self.stop(reason)
            self._require_going_on()
            token = self._tokens.current()
            self._require_going_on()  # it may have been asked to end while the token was fetched
            self.cost.add(requests=1, retries=int(repeat))
            answer = self._noting_departure(request, token)
            self.quota.heard(allowance(answer), refused=answer.status == 429, most=most)
            return token, answer
        finally:
            self.quota.release(self._clock() - begun)

    def _require_going_on(self) -> None:
        if self.stopped:
            raise self.stopped

    def _noting_departure(self, request: Request, token: str) -> Answer:
        """Send a request, and note whether it left the machine."""
        before, self._here.left = self.left, True
        try:
            return self._http(request, token)
        except (Retriable, WrongHost, ConfigurationError) as error:
            self._here.left = before or isinstance(error, Unanswered)
            raise

    def _http(self, request: Request, token: str) -> Answer:
        self._here.sent_at = self._clock()
        answer = self._wire.exchange(request, token, self._here.until - self._here.sent_at)
        if answer.status == 429:
            self.cost.add(refused=1)
        return answer

    def _ask_for_token(self, request: Request) -> Answer:
        """Ask for a token, outside the quota."""
        self.cost.add(requests=1)
        return self._http(request, "")
