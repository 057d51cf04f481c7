"""What the pages say about the code is true, and prose is wrapped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.tables import COMMANDS_PAGE, renewed, with_commands

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
WIDTH = 100


def table(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, as cells."""
    section = ARCHITECTURE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_tables_of_topics_and_roles_are_fresh() -> None:
    assert renewed(ARCHITECTURE) == ARCHITECTURE, "ARCHITECTURE.md is stale; run `python -m docs`"
    assert not any("?" in row for row in (*table("Topics"), *table("Roles")))


def test_rows_come_and_go_with_what_they_are_about() -> None:
    rows = [line for line in ARCHITECTURE.splitlines() if line.startswith(("| rank", "| feedback"))]
    gone = ARCHITECTURE.replace("| feedback | user |", "| answers | nobody |")
    assert rows and renewed(gone) == ARCHITECTURE


def test_the_table_of_commands_is_fresh() -> None:
    page = COMMANDS_PAGE.read_text("utf-8")
    assert with_commands(page) == page, "docs/commands.md is stale; run `python -m docs`"


def test_names_stand_in_the_files_that_the_architecture_says() -> None:
    stated = re.findall(r"`(\w+)`(?: and `(\w+)`)? in `([\w/.]+)`", ARCHITECTURE)
    assert stated
    for first, second, path in stated:
        source = (ROOT / path).read_text("utf-8")
        assert first in source and second in source, f"{first} {second}: not in {path}"


@pytest.mark.parametrize("row", table("The models' interfaces"), ids=lambda row: row[0])
def test_interfaces_are_as_the_architecture_says(row: list[str]) -> None:
    place = ROOT / row[1].strip("`")
    files = place.glob("*.py") if place.is_dir() else [place]
    source = "".join(file.read_text("utf-8") for file in files)
    words = re.findall(r"[A-Za-z]\w+", row[0])
    assert [word for word in words if not re.search(rf"\b{word}\b", source)] == []


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a page that are neither code nor tables; links without addresses."""
    fenced = False
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith(("|", "    ")):
            yield number, re.sub(r"\]\([^)]*\)", "]", line)


def anchors(page: Path) -> set[str]:
    """The headings of a page as addresses name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}


every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        if "://" not in target and not (
            found.exists() and (not anchor or anchor in anchors(found))
        ):
            lost.append(target)
    assert lost == []


def test_the_first_page_fits_a_screen_and_its_lines_a_terminal() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 60 and max(map(len, lines)) <= WIDTH


@every_page
def test_prose_wraps(page: Path) -> None:
    long = [f"{page.name}:{number}" for number, line in prose(page) if len(line) > WIDTH]
    assert long == [], f"longer than {WIDTH} columns"
