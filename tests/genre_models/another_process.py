"""Writes one row beside fifteen others, in a process of its own; prints its text and logprob."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.engine import Finished, Generation, chat_prompt
from genre_models.engine.local_engine import LocalEngine


def main() -> None:
    """Arguments: base, store, whether fast."""
    base, root, fast = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "True"
    store = AdapterStore(root, BaseSpec.load(base))
    adapters = [str(name) for name in store.names()]
    engine = LocalEngine.load(base, store, fast=fast, threads=1, rows=16, context=512)
    prompt = chat_prompt(instruction="Write.", request="About cats.")
    other = chat_prompt(instruction="Write at length.", request="About the sea.")
    engine.submit(
        [
            *(
                Generation(id=f"{n}", prompt=other, adapter=adapters[n % 3], max_tokens=30, seed=n)
                for n in range(15)
            ),
            Generation(id="row", prompt=prompt, adapter=adapters[0], max_tokens=24, seed=7),
        ]
    )
    while not engine.idle:
        for event in engine.step():
            if isinstance(event, Finished) and event.id == "row":
                sys.stdout.write(json.dumps([event.text, event.logprob]))


if __name__ == "__main__":
    main()
