"""The recipes of CONTRIBUTING.md as data, and the hands that follow them in a copy of the tree.

A recipe is a numbered list below a heading of the third level. A step begins with one of four
sentences; what stands after it is for people:

    Copy `docs/skeletons/event.py` to `schemas/suggestions.py`.
    Append `docs/skeletons/genre.toml` to `genre_models/taxonomy/marketing.toml`.
    After `"rows",` in `streams/settings.py`, add:        (and a fenced block)
    Run `genre genres`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

COPY = re.compile(r"Copy `(.+?)` to `(.+?)`\.")
APPEND = re.compile(r"Append `(.+?)` to `(.+?)`\.")
INSERT = re.compile(r"After (`+) ?(.+?) ?\1 in `(.+?)`, add:")
RUN = re.compile(r"Run `(.+?)`\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One item of a recipe: its prose on one line, and its fenced block, both perhaps empty."""

    recipe: str
    number: int
    text: str
    block: str

    def __str__(self) -> str:
        return f"step {self.number} of {self.recipe!r} ({textwrap.shorten(self.text, 80)})"


def steps(markdown: str, recipe: str) -> list[Step]:
    """The steps below the heading `recipe`. Raises AssertionError when there are none."""
    found = re.search(rf"^### {recipe}\n(.+?)(?=^##|\Z)", markdown, re.MULTILINE | re.DOTALL)
    items = re.split(r"^\d+\. ", found[1], flags=re.MULTILINE)[1:] if found else []
    assert items, f"expected a numbered list below the heading {recipe!r}, got none"
    return [_step(recipe, number, item) for number, item in enumerate(items, 1)]


def _step(recipe: str, number: int, item: str) -> Step:
    own, *_ = re.split(r"\n\n(?=\S)", item)  # what follows the list is not the last item's
    text, *fenced = re.split(r"^ +```.*\n", own, flags=re.MULTILINE)
    return Step(
        recipe=recipe,
        number=number,
        text=" ".join(text.split()),
        block=textwrap.dedent(fenced[0]) if fenced else "",
    )


def created(markdown: str) -> set[str]:
    """The files that the recipes make: named in them, and not in the tree."""
    return {target for _, target in COPY.findall(" ".join(markdown.split()))}


def follow(step: Step, root: Path) -> None:
    """Do what the step says in the tree at `root`. Raises AssertionError, naming the step."""
    for form, act in _ACTS.items():
        if said := form.match(step.text):
            try:
                return act(step, root, *said.groups())
            except (AssertionError, OSError) as error:
                raise AssertionError(f"{step}: {error}") from None
    raise AssertionError(f"{step}: expected Copy, Append, After or Run, in the form of the others")


def _copy(_: Step, root: Path, source: str, target: str) -> None:
    assert not (root / target).exists(), f"expected {target} to be new"
    shutil.copy(root / source, root / target)


def _append(_: Step, root: Path, source: str, target: str) -> None:
    content = (root / target).read_text("utf-8")
    (root / target).write_text(content + (root / source).read_text("utf-8"), "utf-8")


def _insert(step: Step, root: Path, _: str, anchor: str, target: str) -> None:
    """Below the one line that holds the anchor, as far indented as that line is."""
    assert step.block, "expected a fenced block"
    lines = (root / target).read_text("utf-8").splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if anchor in line]
    assert len(places) == 1, f"expected {anchor} in one line of {target}, got {len(places)}"
    above = lines[places[0]]
    indentation = above[: len(above) - len(above.lstrip())]
    lines.insert(places[0] + 1, textwrap.indent(step.block, indentation))
    (root / target).write_text("".join(lines), "utf-8")


def _run(_: Step, root: Path, command: str) -> None:
    """In a shell that finds our programs, and the tree's packages before installed ones."""
    bin_folder = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(root),
    }
    done = subprocess.run(
        ["bash", "-c", command], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"


_ACTS: dict[re.Pattern[str], Callable[..., None]] = {
    COPY: _copy,
    APPEND: _append,
    INSERT: _insert,
    RUN: _run,
}
