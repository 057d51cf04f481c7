from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.commands.feedback import cli, read

CSV = """user,text,genre,signal,time
ada,A rose is red.,poetry,like,2026-10-01T08:00:00Z
bea,,joke,rating:2,
,,joke,like,
"""
LINES = (
    '{"user": "ada", "genre": "joke", "signal": 0.25}\n'
    '{"user": "ada", "genre": "joke", "signal": "adored"}\nnonsense\n'
)


@pytest.mark.parametrize(
    ("name", "content", "values", "refused"),
    [("f.csv", CSV, [1.0, 0.25], [4]), ("f.jsonl", LINES, [0.25], [2, 3])],
)
def test_every_line_is_a_reaction_or_told_by_its_number(
    tmp_path: Path, name: str, content: str, values: list[float], refused: list[int]
) -> None:
    (tmp_path / name).write_text(content)
    lines = list(read(tmp_path / name))
    assert [line.feedback.value for line in lines if line.feedback] == values
    assert [line.number for line in lines if line.feedback is None] == refused
    again = list(read(tmp_path / name))
    assert [line.feedback.feedback_id for line in lines if line.feedback] == [
        line.feedback.feedback_id for line in again if line.feedback
    ]


def test_a_file_can_be_checked_without_kafka(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(CSV)
    found = CliRunner().invoke(cli, ["import", str(tmp_path / "f.csv"), "--dry-run"])
    assert found.exit_code == 1
    assert "valid 2, refused 1" in found.output
