"""What every benchmark prints: a line a figure; with `--json`, a JSON object as the last line."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence

import orjson


def arguments(description: str, **switches: str) -> argparse.Namespace:
    """`--quick`, `--json` and more switches: name and help of each."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer measurements, sooner done")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    for name, meaning in switches.items():
        parser.add_argument(f"--{name}", action="store_true", help=meaning)
    return parser.parse_args()


def show(figures: Mapping[str, float | None], *, json: bool) -> None:
    """Print the figures."""
    for name, value in figures.items():
        print(f"{name:32} {'not measured' if value is None else f'{value:.3f}'}", flush=True)
    if json:
        show_json(figures)


def show_json(figures: Mapping[str, float | None]) -> None:
    """Print the figures as one JSON object: what a program reads from the last line."""
    rounded = {name: value if value is None else round(value, 4) for name, value in figures.items()}
    print(orjson.dumps(rounded).decode(), flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0-1) of the values do not exceed (nearest rank).

    >>> percentile([4.0, 1.0, 3.0, 2.0], 0.5), percentile([4.0, 1.0, 3.0, 2.0], 0.99)
    (2.0, 4.0)
    """
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
