"""What a session has asked its terminal, and who waits for the answers."""

from __future__ import annotations

import asyncio

from protocols.jt808.codec.parameters import Parameters
from protocols.jt808.codec.session_bodies import OK, TerminalResponse

Reply = TerminalResponse | Parameters


class Replies:
    """Questions by their sequence numbers; an answer to none of them, such as one that comes twice, is nobody's."""

    def __init__(self) -> None:
        """Nothing is asked."""
        self._asked: dict[int, tuple[int, asyncio.Future[Reply]]] = {}

    def expect(self, seq: int, msg_id: int) -> asyncio.Future[Reply]:
        """The answer to a question that is sent now; who no longer waits cancels it."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._asked[seq] = (msg_id, answer)
        answer.add_done_callback(lambda _: self._asked.pop(seq, None))
        return answer

    def take(self, reply: Reply, answers: frozenset[int]) -> None:
        """An answer came.

        Args:
            reply: 0x0001, or the answer with a layout of its own.
            answers: Ids of the questions that it can answer.
        """
        msg_id, waiting = self._asked.get(reply.reply_seq, (0, None))
        if waiting is not None and msg_id in answers and not waiting.done():
            waiting.set_result(reply)

    def close(self) -> None:
        """The link ended: nobody answers any more."""
        for _, waiting in list(self._asked.values()):
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the terminal hung up"))


def refused(reply: TerminalResponse) -> str:
    """Why a terminal does not do what it was asked to; empty where it does."""
    return "" if reply.result == OK else _RESULTS.get(reply.result, f"result {reply.result}")


_RESULTS = {1: "failed", 2: "the message is wrong", 3: "not supported"}
"""Of 0x0001 (JT/T 808-2019, table 4)."""
