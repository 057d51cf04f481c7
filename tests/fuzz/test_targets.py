"""A minute of the fuzzer on every reader; `python -m tests.fuzz` is the long form."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INPUTS = 300_000

pytestmark = pytest.mark.skipif(find_spec("atheris") is None, reason="no atheris for this machine")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_no_reader_crashes_hangs_or_breaks_its_law() -> None:
    done = run("-m", "tests.fuzz", "--inputs", str(INPUTS))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    tried = int(done.stdout.splitlines()[-1].split(" inputs")[0])
    assert tried >= INPUTS


def test_a_reader_that_breaks_is_found() -> None:
    program = (
        "import sys; from tests.fuzz import targets;"
        "targets.TARGETS = {'bad': targets.Target(lambda data: 1 // (len(data) != 3))};"
        "from tests.fuzz.__main__ import main; sys.argv[1:] = ['--inputs', '20000'];"
        "sys.exit(main())"
    )
    done = run("-c", program)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout and "FAILED" in done.stdout
