"""C source, compiled once for a processor and a compiler into a folder."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from genre_models import atomic


def compiled(source: bytes, name: str, folder: Path, flags: Sequence[str]) -> Path:
    """The library `folder/name-DIGEST.so`, made by gcc on first use, in seconds.

    Raises OSError where there is no gcc, and CalledProcessError where it refuses.
    """
    compiler = shutil.which("gcc")
    if compiler is None:
        raise FileNotFoundError("expected gcc on the PATH, got none; install it and start again")

    def compile_to(library: Path) -> None:
        command = [compiler, *flags, "-x", "c", "-", "-o", str(library), "-lm"]
        subprocess.run(command, input=source.decode(), text=True, capture_output=True, check=True)

    return atomic.make_once(folder / f"{name}-{_key(source, compiler, flags)}.so", compile_to)


def _key(source: bytes, compiler: str, flags: Sequence[str]) -> str:
    """A digest of all that the library depends on.

    Another compiler adds in another order, another processor is another native.
    """
    version = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, check=True).stdout
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else [platform.machine()]
    cpu = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return hashlib.sha256(
        b"\0".join([source, version, *(text.encode() for text in (*flags, *cpu))])
    ).hexdigest()[:16]
