"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the tree."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.recipes import Step, follow, steps

ROOT = Path(__file__).parents[1]
RECIPES = (
    "Add a genre",
    "Add an event",
    "Add a setting",
    "Add an agent",
    "Check what you added",
)
# Adapters' weights are of no concern to the laws; mypy's cache, which is copied, saves a minute.
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".hypothesis", "build", "*.safetensors")


@pytest.mark.slow
@pytest.mark.timeout(900)  # a minute on two cores; much longer when they are busy
def test_the_recipes_hold(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
    markdown = (tree / "CONTRIBUTING.md").read_text("utf-8")
    for recipe in RECIPES:
        for step in steps(markdown, recipe):
            follow(step, tree)


@pytest.mark.parametrize(
    ("text", "block", "reason"),
    [
        ("Copy `a.py` to `there.py`.", "", "a.py"),
        ("Copy `there.py` to `there.py`.", "", "expected there.py to be new"),
        ("Append `a.toml` to `there.py`.", "", "a.toml"),
        ("After `two` in `there.py`, add:", "three\n", "expected two in one line of there.py"),
        ("After `one` in `there.py`, add:", "", "expected a fenced block"),
        ("Run `echo why >&2; exit 3`.", "", "exit code 3\nwhy"),
        ("Think about it.", "", "expected Copy, Append, After or Run"),
    ],
)
def test_a_step_that_cannot_be_done_is_named(
    tmp_path: Path, text: str, block: str, reason: str
) -> None:
    (tmp_path / "there.py").write_text("one\n")
    step = Step(recipe="Add a thing", number=2, text=text, block=block)
    with pytest.raises(AssertionError, match="step 2 of 'Add a thing'") as caught:
        follow(step, tmp_path)
    assert reason in str(caught.value)


def test_a_block_is_inserted_as_far_indented_as_the_line_above(tmp_path: Path) -> None:
    (tmp_path / "there.py").write_text("one = (\n    2,\n)\n")
    markdown = "### Add a thing\n1. After `2,` in `there.py`, add:\n\n   ```python\n   3,\n   ```\n"
    for step in steps(markdown, "Add a thing"):
        follow(step, tmp_path)
    assert (tmp_path / "there.py").read_text() == "one = (\n    2,\n    3,\n)\n"
