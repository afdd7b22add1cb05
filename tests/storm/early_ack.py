"""A wrong cloud for the test of the kill test: it acknowledges a batch and commits it later."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cloud.__main__ import main
from cloud.ingest.commit import store
from cloud.ingest.decode import decode
from cloud.ingest.host import Host

if TYPE_CHECKING:
    from cloud.ingest.batch import Message


async def _acknowledge_first(self: Host, messages: list[Message]) -> None:
    batch = await asyncio.to_thread(decode, messages, self._known)
    await self._answer(batch)
    await asyncio.sleep(0.3)
    await asyncio.to_thread(store, batch, self._engine, self._telemetry, self._bring_forward)


if __name__ == "__main__":
    Host._batch = _acknowledge_first  # type: ignore[method-assign,assignment] # the fault that the check must see
    main()
