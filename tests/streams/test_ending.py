"""Giving up: the reason and its traceback reach the log, the exit code is 70, nothing else runs."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import logging, logging.handlers, sys
from streams.ending import give_up

# Holds back what it is told until it is flushed.
handler = logging.handlers.MemoryHandler(100, target=logging.StreamHandler(sys.stderr))
logging.basicConfig(handlers=[handler])
handler.flushLevel = logging.CRITICAL + 1
try:
    1 / 0
except ZeroDivisionError as error:
    give_up("users: cannot go on", error)
finally:
    print("cleaned up")
"""


def test_a_process_says_why_and_is_gone_before_anything_else_runs() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (70, "")
    assert "users: cannot go on" in ended.stderr and "ZeroDivisionError" in ended.stderr
