"""The time limits of one call, on a clock that the test turns."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from providers.spec.errors import ProviderTimeoutError
from providers.upstreams.base import Timeouts
from router.patience import Patience

LIMITS = Timeouts(first_byte=10.0, between_events=5.0, total=30.0)


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next thing that is due, so that no test waits."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._select = self._selector.select  # type: ignore[attr-defined]
        self._selector.select = self._jump  # type: ignore[attr-defined]

    def time(self) -> float:
        """Seconds since the test began."""
        return self._now

    def _jump(self, timeout: float | None) -> Any:
        if timeout:
            self._now += timeout
        return self._select(0)


def on_clock(test: Callable[[], Awaitable[None]]) -> None:
    """Run it on a clock of its own."""
    with asyncio.Runner(loop_factory=Clock) as runner:
        runner.run(_awaited(test))


async def _awaited(test: Callable[[], Awaitable[None]]) -> None:
    await test()


async def after(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "came"


@pytest.mark.parametrize("stream", [False, True])
def test_the_first_byte_has_its_limit(stream: bool) -> None:
    async def test() -> None:
        assert await Patience(LIMITS, stream=stream).wait(after(9.9)) == "came"
        with pytest.raises(ProviderTimeoutError, match=r"first byte \(10 s\)"):
            await Patience(LIMITS, stream=stream).wait(after(10.1))

    on_clock(test)


def test_a_plain_answer_that_has_begun_has_its_total_time() -> None:
    async def test() -> None:
        patience = Patience(LIMITS, stream=False)
        await patience.wait(after(9))
        patience.first_byte_came()
        await patience.wait(after(20))
        with pytest.raises(ProviderTimeoutError, match=r"whole answer \(30 s\)"):
            await patience.wait(after(2))

    on_clock(test)


def test_a_stream_has_to_bring_events() -> None:
    """STREAM-20: pings are bytes and no events."""

    async def test() -> None:
        patience = Patience(LIMITS, stream=True)
        patience.first_byte_came()
        for _ in range(3):
            await patience.wait(after(4.9))
            patience.event_came()
        await patience.wait(after(2.5))
        patience_without_events = patience.wait(after(2.6))
        with pytest.raises(ProviderTimeoutError, match=r"next event \(5 s\)"):
            await patience_without_events

    on_clock(test)


def test_what_was_waited_for_is_cancelled() -> None:
    async def test() -> None:
        waiting = asyncio.ensure_future(after(1000))
        with pytest.raises(ProviderTimeoutError) as caught:
            await Patience(LIMITS, stream=False).wait(waiting)
        assert waiting.cancelled()
        assert (caught.value.status, caught.value.retryable) == (504, True)

    on_clock(test)


def test_a_time_limit_of_the_work_itself_is_the_works_own() -> None:
    """Only our clock makes our error; a caller that is cancelled stays cancelled."""

    async def test() -> None:
        waiting = asyncio.ensure_future(Patience(LIMITS, stream=False).wait(after(1000)))
        await after(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    on_clock(test)
