"""Where models compute: `GENRE_DEVICE`, and what that place does well."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from schemas.errors import ModelError

_CPU = Path("/proc/cpuinfo")
_BF16 = {"avx512_bf16", "amx_bf16", "bf16"}  # on x86, on x86 with tiles, on ARM


def device_of(setting: str) -> str:
    """`cpu` or `cuda:N`; `auto` is the first GPU that torch sees, else the processor.

    Raises ModelError `no_device` for a GPU that is not there.
    """
    if setting == "cpu":
        return "cpu"
    import torch

    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if setting == "auto":
        return "cuda:0" if there else "cpu"
    number = int(setting.partition(":")[2] or 0)
    if number >= there:
        raise ModelError(
            "no_device",
            f"expected GENRE_DEVICE to be a GPU that torch sees, got {setting} of {there}: "
            "set it to cpu, or install a driver and a torch for it",
        )
    return f"cuda:{number}"


@cache
def has_bf16(device: str) -> bool:
    """Whether bf16 is faster there than fp32: on GPUs, and where the processor has it in silicon.

    Without torch, since whoever only estimates does not load it.
    """
    if device != "cpu":
        return True
    try:
        lines = _CPU.read_text().splitlines()
    except OSError:  # no Linux
        return False
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return not _BF16.isdisjoint(flags.split())
