"""The engine's kernel in C: compiled where it runs, called by ctypes; without a compiler the torch
path stays."""

from genre_models.engine.native.kernel import Kernel, load_kernel

__all__ = ["Kernel", "load_kernel"]
