"""The engine's kernel in C, compiled where it runs, called by ctypes; torch without a compiler."""

from genre_models.engine.native.kernel import Kernel, load_kernel

__all__ = ["Kernel", "load_kernel"]
