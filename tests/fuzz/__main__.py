"""`python -m tests.fuzz`: coverage-guided inputs for every reader of bytes from outside.

Each target runs in a process of its own, its coverage guiding libFuzzer (through atheris), from the
same seed and first inputs, so a run can be repeated. An input that crashes a reader, breaks one of
its laws or takes more than ten seconds is printed with the place where it is kept; exit code 1.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import atheris

_OURS = ["schemas", "streams", "genre_models", "agents"]
# It names every module that it instruments.
with redirect_stderr(StringIO()), atheris.instrument_imports(include=_OURS):
    from schemas.errors import GenreError
    from tests.fuzz.targets import TARGETS

_HANG = 10  # seconds for one input
_LONGEST = 1 << 16  # bytes of one input
_MEMORY = 2048  # MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What the fuzzer said of one target: inputs that were tried, edges covered, and the find."""

    target: str
    inputs: int
    covered: int
    seconds: int
    log: str
    failed: bool


def fuzz(target: str, folder: Path, *, inputs: int, seed: int) -> Run:
    """Try that many inputs in a process of its own; what it finds stays in the folder."""
    corpus, log = folder / target, folder / f"{target}.log"
    corpus.mkdir(parents=True)
    for number, content in enumerate(TARGETS[target].seeds()):
        (corpus / str(number)).write_bytes(content)
    options = {
        "runs": inputs,
        "seed": seed,
        "timeout": _HANG,
        "max_len": _LONGEST,
        "rss_limit_mb": _MEMORY,
        "artifact_prefix": f"{folder}/{target}-",
        "print_final_stats": 1,
    }
    pid = os.fork()
    if pid == 0:
        _child(target, log, [f"-{name}={value}" for name, value in options.items()], corpus)
    _, status = os.waitpid(pid, 0)
    said = log.read_text("utf-8", "replace")
    return Run(
        target=target,
        inputs=max((int(each) for each in re.findall(r"units:\s+(\d+)", said)), default=0),
        covered=max((int(each) for each in re.findall(r"cov: (\d+)", said)), default=0),
        seconds=max((int(each) for each in re.findall(r"runs in (\d+) sec", said)), default=0),
        log=said,
        failed=os.waitstatus_to_exitcode(status) != 0,
    )


def _child(target: str, log: Path, options: Sequence[str], corpus: Path) -> None:
    """libFuzzer takes the process over, and ends it."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(handle, stream)
    read = TARGETS[target].read

    def one(data: bytes) -> None:
        try:
            read(data)
        except GenreError:
            return

    try:
        atheris.Setup([sys.argv[0], *options, str(corpus)], one)
        atheris.Fuzz()
    finally:
        os._exit(70)


def fuzzed(targets: Sequence[str], folder: Path, *, inputs: int, seed: int) -> Iterator[Run]:
    """The targets one beside the other, `inputs` in all."""
    share = -(-inputs // len(targets))
    with ThreadPoolExecutor(os.cpu_count()) as beside:
        yield from beside.map(lambda each: fuzz(each, folder, inputs=share, seed=seed), targets)


def main() -> int:
    """Fuzz, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="over all targets")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other inputs")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one, ...")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="genre-fuzz-"))
    tried, failed = 0, False
    for run in fuzzed(given.target or list(TARGETS), folder, inputs=given.inputs, seed=given.seed):
        tried, failed = tried + run.inputs, failed or run.failed
        how = f"{run.inputs} inputs, {run.covered} edges, {run.seconds} s"
        print(f"{run.target:16} {'FAILED' if run.failed else 'ok':6} {how}", flush=True)
        if run.failed:
            print(run.log[-4000:])
    print(f"{tried} inputs, seed {given.seed}: {'FAILED, see ' + str(folder) if failed else 'ok'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
