"""Rows of weights and the blocks that reference quantisers make of them: tests/data/kernels/quantize_*.bin.

quantize_rows.bin: f32 [6, 1024], one distribution a row. quantize_<type>.bin: the blocks of all rows, in order: by the `gguf` package, and for
the K-quants, which it cannot pack, by ggml's reference (ggml_quantize_chunk without an importance matrix).
Read by tests/kernels/quantize_row_test.cpp.  Run: python tests/parity/quantize_golden.py [libggml-base.so]; without ggml's library (PyPI's
llama-cpp-python has one) the K-quants' files stay as they are.
"""
import ctypes
import pathlib
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "kernels"
PACKED = [T.F16, T.BF16, T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1]
SEARCHED = [T.Q4_K, T.Q5_K, T.Q6_K]


def rows() -> np.ndarray:
    rng, size = np.random.default_rng(11), 1024
    sparse = np.where(rng.random(size) < 0.1, rng.normal(0, 1, size), 0)
    sparse[:256] = 0  # whole blocks of nothing
    return np.array([rng.normal(0, 0.05, size), rng.laplace(0, 0.03, size), rng.standard_t(3, size) * 0.02, rng.uniform(-1, 1, size),
                     rng.normal(0.3, 0.05, size), sparse], dtype=np.float32)


def by_ggml(library: ctypes.CDLL, x: np.ndarray, kind: T) -> bytes:
    block, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.zeros(x.size // block * size, np.uint8)
    chunk = library.ggml_quantize_chunk
    chunk.restype, chunk.argtypes = ctypes.c_size_t, [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    written = chunk(kind.value, x.ctypes.data, out.ctypes.data, 0, x.shape[0], x.shape[1], None)
    assert written == out.size, (kind, written)
    return out.tobytes()


def main() -> None:
    x = rows()
    (OUT / "quantize_rows.bin").write_bytes(x.tobytes())
    for kind in PACKED:
        (OUT / f"quantize_{kind.name.lower()}.bin").write_bytes(gguf.quantize(x, kind).tobytes())
    if len(sys.argv) < 2:
        print("the K-quants' files stay as they are: no libggml-base.so was named")
        return
    library = ctypes.CDLL(sys.argv[1])
    for kind in SEARCHED:
        (OUT / f"quantize_{kind.name.lower()}.bin").write_bytes(by_ggml(library, x, kind))


if __name__ == "__main__":
    main()
