"""Tensors without gradients, and two servers that behave like vLLM until they are told to fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from tests.genre_models.engine.serving import Fake


@pytest.fixture
def fakes() -> Iterator[list[Fake]]:
    servers = [Fake(), Fake()]
    for server in servers:
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def inference() -> Iterator[None]:
    """Two threads, no gradients."""
    torch.set_num_threads(2)
    with torch.inference_mode():
        yield
    torch.set_num_threads(1)
