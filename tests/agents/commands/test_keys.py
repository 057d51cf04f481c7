"""`genre keys create` prints a key that the gateway takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.main import cli
from streams.gateway.keys import Keys


def test_a_key_that_is_made_is_taken(tmp_path: Path) -> None:
    arguments = ["--tenant", "acme", "--user", 'a"da', "--scope", "read", "--per-minute", "5"]
    result = CliRunner().invoke(cli, ["keys", "create", "web", *arguments])
    assert result.exit_code == 0, result.output
    file = tmp_path / "keys.toml"
    file.write_text(result.stdout)
    caller = Keys(str(file)).caller(f"Bearer {result.stderr.strip()}")
    assert (caller.name, caller.tenant(None), caller.user('a"da')) == ("web", "acme", 'a"da')
    assert caller.key is not None and caller.key.scopes == ("read",)
    assert result.stderr.strip() not in result.stdout


@pytest.mark.parametrize(
    "arguments", [["A b"], ["web", "--scope", "root"], ["web", "--tenant", "A"], ["web]\n[x"]]
)
def test_a_wrong_one_is_refused(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli, ["keys", "create", *arguments]).exit_code != 0
