"""`genre prepare`: what it makes, and when it measures the integers."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.commands.prepare import fit, is_fitted
from agents.main import cli
from genre_models.engine import fidelity
from streams.settings import Settings
from tests.agents.genres.test_classifiers import SMALL
from tests.genre_models.safety.test_score import learn_from
from tests.genre_models.safety.toy import EXAMPLES, Toy
from tests.genre_models.tiny import make_base

EXAMPLES_OF = "genre_models.classification.examples"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A tiny base model, prepared."""
    make_base(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def measured(base: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The bases that were measured by `genre prepare`, whose own is tiny."""
    calls: list[Path] = []
    monkeypatch.setattr(fidelity, "measure", lambda base, told: calls.append(base))
    monkeypatch.setattr("genre_models.weights.prepare_base", lambda source, cache: base)
    monkeypatch.setattr("genre_models.weights.prepare_encoder", lambda cache: cache / "encoder")
    monkeypatch.setattr("genre_models.encoder.SentenceEncoder.load", lambda *_, **__: None)
    monkeypatch.setattr("agents.genres.classifiers.load_classifier", lambda *_, **__: None)
    monkeypatch.setattr("genre_models.safety.load_score", lambda *_: None)
    return calls


@pytest.mark.parametrize(
    ("engine", "times", "said"),
    [
        ("auto", 1, "engine:     exact: the integers have not been measured"),
        ("exact", 0, "engine:     exact: GENRE_ENGINE says so"),
        ("fast", 0, "engine:     fast: GENRE_ENGINE says so"),
    ],
)
def test_the_integers_are_measured_for_auto_only(
    engine: str, times: int, said: str, base: Path, measured: list[Path]
) -> None:
    environment = {"GENRE_ENGINE": engine, "GENRE_MODELS": str(base.parent)}
    done = CliRunner().invoke(cli, ["prepare"], env=environment, catch_exceptions=False)
    assert said in done.stdout and measured == [base] * times


def test_prepare_says_which_base_it_is_and_how_its_adapters_are_made(
    base: Path, measured: list[Path]
) -> None:
    environment = {
        "GENRE_ENGINE": "exact",
        "GENRE_MODELS": str(base.parent),
        "GENRE_ADAPTERS": str(base.parent / "adapters"),
    }
    done = CliRunner().invoke(cli, ["prepare"], env=environment, catch_exceptions=False)
    assert f"fingerprint {(base / 'fingerprint.txt').read_text()[:12]}" in done.stdout
    assert "none for this base model" in done.stdout and "`genre starters train`" in done.stdout


def test_what_workers_would_fit_is_fitted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Toy] = []

    def load(_: Path, threads: int) -> Toy:
        made.append(Toy())
        return made[-1]

    monkeypatch.setattr("genre_models.encoder.SentenceEncoder.load", load)
    monkeypatch.setattr("genre_models.taxonomy.Taxonomy.load", lambda: SMALL)
    monkeypatch.setattr(f"{EXAMPLES_OF}.learned", dict)
    monkeypatch.setattr(f"{EXAMPLES_OF}.read_pairs", lambda _: [])
    learn_from(EXAMPLES, monkeypatch)
    given = Settings(models=tmp_path / "models")
    assert not is_fitted(given)
    fit(given)
    assert is_fitted(given) and made[0].asked
    fit(given)
    assert not made[1].asked
    next(given.models.glob("safety-*")).unlink()
    assert not is_fitted(given)


def test_prepare_says_where_second_opinions_are_missing(
    base: Path, measured: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"GENRE_ENGINE": "exact", "GENRE_MODELS": str(base.parent)}
    for is_tuned in (False, True):
        monkeypatch.setattr("agents.commands.prepare.is_tuned", lambda _, it=is_tuned: it)
        done = CliRunner().invoke(cli, ["prepare"], env=environment, catch_exceptions=False)
        assert ("without second opinions: `genre safety tune`" in done.stdout) != is_tuned
