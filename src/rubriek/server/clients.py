"""The other end of a request: whether it is still there, and how long it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from rubriek.server.problems import Problem

T = TypeVar("T")


async def while_connected(receive: Any, work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Do the work of a request, unless its client goes away or its time is up.

    Raises
    ------
    Problem
        504 if the time is up; 499, which nobody reads but the log, if the client has gone.
    """
    task = asyncio.current_task()
    assert task is not None
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError as error:
        raise Problem(
            504,
            "Timeout",
            "There was no answer in time.",
            expected=f"an answer within {seconds:g} s",
            hint="send fewer texts at once, or try again later",
        ) from error
    except asyncio.CancelledError as error:
        if gone and task.uncancel() == 0:
            raise Problem(499, "Gone", "The client has gone.") from error
        raise
    finally:
        watcher.cancel()
