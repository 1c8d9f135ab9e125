"""Runs a blocking function beside the event loop, in a thread that nobody waits for if it does not end.

The event loop's own executor has few threads, and the interpreter waits for them at its end: one tool that hangs would
hold up every other, and then the exit.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Returned = TypeVar("Returned")


async def run_in_thread(function: Callable[..., Returned], arguments: dict[str, Any]) -> Returned:
    """Call the function with keyword arguments in a thread of its own, with the caller's context variables.

    Cancelling this stops the waiting, not the function: Python has no way to stop a thread. What the function returns
    after that is dropped.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Returned] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            returned = context.run(function, **arguments)
        except BaseException as error:  # noqa: BLE001  # whatever it is, it belongs to the caller
            _hand_over(loop, future, None, error)
        else:
            _hand_over(loop, future, returned, None)

    threading.Thread(target=work, name=f"tool {getattr(function, '__name__', '')}", daemon=True).start()
    return await future


def _hand_over(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], returned: object, error: BaseException | None
) -> None:
    def settle() -> None:
        if future.done():
            return
        if error is None:
            future.set_result(returned)
        else:
            future.set_exception(_carried(error))

    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:
        return  # the event loop is closed: nobody waits any more


def _carried(error: BaseException) -> BaseException:
    # A future refuses StopIteration, and takes a cancellation for its own.
    if isinstance(error, (StopIteration, asyncio.CancelledError)) or not isinstance(error, Exception):
        return RuntimeError(type(error).__name__)
    return error
