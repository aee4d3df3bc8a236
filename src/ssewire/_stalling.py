"""The waits for reads go in; a stream that makes no progress for too long comes out as an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ssewire.errors import StreamStalledError

if TYPE_CHECKING:
    from collections.abc import Callable

PASSES: Final = 3
"""How many passes of the loop a wait has left when its time is used up.

The loop may have been late to look, and what has arrived is not read yet. From a socket to the end of a read
it takes a pass, and one more for each task in between, or for a loop whose timers ring before it looks.
"""


class IdleLimit:
    """Adds up how long a stream waits for its source, from one progress to the next.

    Only waiting counts: what the caller does between two events takes as long as it takes. A wait is looked
    at when it is over, and what it brought is not thrown away.

    Args:
        read: Reads from the source.
        clock: Gives the time in seconds.
        idle_timeout: The longest wait in seconds; None for any.
        first_event_timeout: The longest wait for the first progress; None for the same.
    """

    def __init__(
        self,
        read: Callable[[], Any],
        clock: Callable[[], float],
        idle_timeout: float | None,
        first_event_timeout: float | None,
    ) -> None:
        self._read = read
        self._clock = clock
        self._idle_timeout = idle_timeout
        self._limit = idle_timeout if first_event_timeout is None else first_event_timeout
        self._waited = 0.0

    def read(self) -> Any:
        """Read, unless the time is used up.

        Raises:
            StreamStalledError: It is.
        """
        self._check()
        begun = self._clock()
        try:
            return self._read()
        finally:
            self._waited += self._clock() - begun

    def progress(self) -> None:
        """An event came that is more than a sign of life."""
        self._waited = 0.0
        self._limit = self._idle_timeout

    def restart(self, read: Callable[[], Any]) -> None:
        """Another source is read, or the same once more: what was waited for it before counts no more."""
        self._read = read
        self._waited = 0.0

    def _check(self) -> None:
        if self._limit is not None and self._waited >= self._limit:
            raise StreamStalledError(self._limit, self._waited)


class AsyncIdleLimit(IdleLimit):
    """The same for a source that is awaited: on an asyncio loop, a wait ends as soon as the time is used up.

    A stream has one timer. It is left alone while events come, and when it rings it looks how long the wait
    has been: a timeout context for each read would cost three times what an event costs.
    """

    _timer: Any = None
    _task: Any = None  # what waits for a read
    _begun = 0.0  # when it began to
    _rung = False  # it was cancelled for that

    async def read_in_time(self) -> Any:
        """Read, and wait for it as long as there is time.

        Raises:
            StreamStalledError: There is none any more.
        """
        import asyncio  # whoever awaits has paid for it

        self._check()
        try:
            task = asyncio.current_task()
        except RuntimeError:  # another kind of loop: a wait is looked at when it is over
            task = None
        if task is None:
            self._begun = self._clock()
            try:
                return await self._read()
            finally:
                self._waited += self._clock() - self._begun
        loop = task.get_loop()
        cancelling = task.cancelling()
        self._task = task
        self._begun = loop.time()
        if self._timer is None and self._limit is not None:
            self._timer = loop.call_later(self._limit - self._waited, self._ring, loop)
        try:
            return await self._read()
        except asyncio.CancelledError:
            # Somebody else may want the task to end, too.
            if not self._rung or self._limit is None or task.cancelling() - 1 > cancelling:
                raise
            raise StreamStalledError(self._limit, self._waited + loop.time() - self._begun) from None
        finally:
            if self._rung:
                self._rung = False
                task.uncancel()
            self._task = None
            self._waited += loop.time() - self._begun

    def progress(self) -> None:
        """An event came that is more than a sign of life."""
        if self._limit != self._idle_timeout:
            self.stop()  # the timer was set for the first event
        super().progress()

    def stop(self) -> None:
        """Nobody will wait any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self, loop: Any, passes: int = PASSES) -> None:
        """See whether the time is used up. If nobody waits now, the next read sets the timer again."""
        self._timer = None
        if self._task is None or self._limit is None:
            return
        left = self._limit - self._waited - (loop.time() - self._begun)
        if left > 0:
            self._timer = loop.call_later(left, self._ring, loop)
        elif passes:
            self._timer = loop.call_soon(self._ring, loop, passes - 1)
        else:
            self._rung = True
            self._task.cancel()
