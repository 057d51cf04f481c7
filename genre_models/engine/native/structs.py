"""The structs of decode.c, field by field."""

from __future__ import annotations

import ctypes

POINTER, INT, FLOAT = ctypes.c_void_p, ctypes.c_int, ctypes.c_float


class Matrix(ctypes.Structure):
    """A packed matrix; see `packed`."""

    _fields_ = (
        ("bits", INT),
        ("inputs", INT),
        ("outputs", INT),
        ("weights", POINTER),
        ("scales", POINTER),
        ("bias", POINTER),
    )


class Layer(ctypes.Structure):
    """One layer's weights, keys and values."""

    _fields_ = (
        *((name, POINTER) for name in ("attention_norm", "mlp_norm", "query_norm", "key_norm")),
        *((name, Matrix) for name in ("qkv", "out", "gate_up", "down")),
        ("keys", POINTER),
        ("values", POINTER),
    )


class Model(ctypes.Structure):
    """A whole model."""

    _fields_ = (
        *(
            (name, INT)
            for name in (
                "layers",
                "hidden",
                "heads",
                "key_heads",
                "width",
                "inner",
                "vocab",
                "capacity",
            )
        ),
        ("eps", FLOAT),
        ("turns", POINTER),
        ("norm", POINTER),
        ("embedding", Matrix),
        ("head", Matrix),
        ("layer", ctypes.POINTER(Layer)),
    )


class Adapter(ctypes.Structure):
    """An adapter's matrices, a null pointer where it has none."""

    _fields_ = (("rank", INT), ("low_high", ctypes.POINTER(POINTER)))


class Step(ctypes.Structure):
    """The rows of one step."""

    _fields_ = (
        ("rows", INT),
        *((name, POINTER) for name in ("tokens", "positions", "slots")),
        ("adapters", ctypes.POINTER(Adapter)),
        *((name, POINTER) for name in ("first", "adapter", "weight")),
    )
