"""What a process writes to stderr, whoever in it speaks."""

from __future__ import annotations

import json
import subprocess
import sys

SPEAKERS = """
import asyncio, logging, sys, threading, warnings
from contract.logs import set_up
set_up()
warnings.warn("a library warns\\nin two lines")
logging.getLogger("uvicorn.error").error("several\\nlines")
logging.getLogger("careless").warning("%d", "no number")

def broken():
    raise RuntimeError("in a thread")

thread = threading.Thread(target=broken)
thread.start()
thread.join()

class Closed:
    def __del__(self):
        raise RuntimeError("in a destructor")

Closed()

async def forgotten():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)

asyncio.run(forgotten())
{last}
"""


def spoken(last: str) -> tuple[int, list[dict[str, str]]]:
    done = subprocess.run([sys.executable, "-c", SPEAKERS.format(last=last)], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, [json.loads(line) for line in done.stderr.splitlines()]


def test_every_line_is_one_object() -> None:
    """Warnings, libraries, a line that cannot be formatted, threads, destructors, callbacks and the error that ends the process."""
    code, lines = spoken("raise ValueError('at the end')")
    assert code == 1
    assert [line["level"] for line in lines] == ["warning", "error", "warning", "error", "error", "error", "critical"]
    assert [line.get("source") for line in lines] == ["py.warnings", "uvicorn.error", "careless", None, None, "asyncio", None]
    texts = (
        "a library warns",
        "several\nlines",
        "cannot be written",
        "a thread ended",
        "where nobody can",
        "Exception in callback",
        "the process ended",
    )
    assert [text for text, line in zip(texts, lines, strict=True) if text not in line["event"]] == []
    traced = [line["exception"].splitlines()[-1] for line in lines if "exception" in line]
    assert traced == [
        "RuntimeError: in a thread",
        "RuntimeError: in a destructor",
        "ZeroDivisionError: division by zero",
        "ValueError: at the end",
    ]


def test_a_stop_by_hand_is_no_fault() -> None:
    """Ctrl-C and an exit of the program leave no line of their own."""
    for last in ("raise KeyboardInterrupt", "sys.exit(1)"):
        assert len(spoken(last)[1]) == 6
