"""What every benchmark prints: a line a figure; with `--json`, a JSON object as the last line."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

_NO_FILES: Mapping[str, str] = MappingProxyType({})
_NO_CHOICES: Mapping[str, tuple[Sequence[str], str]] = MappingProxyType({})


def arguments(
    description: str,
    files: Mapping[str, str] = _NO_FILES,
    choices: Mapping[str, tuple[Sequence[str], str]] = _NO_CHOICES,
    **switches: str,
) -> argparse.Namespace:
    """`--quick`, `--json` and more: name and help of each of the files, choices and switches."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer measurements, sooner done")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    for name, meaning in files.items():
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=meaning)
    for name, (known, meaning) in choices.items():
        parser.add_argument(f"--{name}", choices=known, help=meaning)
    for name, meaning in switches.items():
        parser.add_argument(f"--{name}", action="store_true", help=meaning)
    return parser.parse_args()


def show(figures: Mapping[str, float | None], *, json: bool) -> None:
    """Print the figures."""
    for name, value in figures.items():
        print(f"{name:32} {'not measured' if value is None else f'{value:.3f}'}", flush=True)
    if json:
        show_json(figures)


def show_json(figures: Mapping[str, Any]) -> None:
    """Print the figures as one JSON object: what a program reads from the last line."""
    print(orjson.dumps(_rounded(figures)).decode(), flush=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0-1) of the values do not exceed (nearest rank).

    >>> percentile([4.0, 1.0, 3.0, 2.0], 0.5), percentile([4.0, 1.0, 3.0, 2.0], 0.99)
    (2.0, 4.0)
    """
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
