"""Blocks of every GGUF type and their floats according to the `gguf` package: tests/data/kernels/<type>.bin.

A file is u32 bytes, u32 values, the bytes, the values as f32 (all little-endian). `f32_to_f16.bin` has f32 and numpy's f16 of it.
"""
import pathlib
import struct

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.quants import dequantize

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "kernels"
# type: (bytes of a block, elements, offsets of its f16 scales)
BLOCKS = {
    T.Q4_0: (18, 32, [0]), T.Q4_1: (20, 32, [0, 2]), T.Q5_0: (22, 32, [0]), T.Q5_1: (24, 32, [0, 2]), T.Q8_0: (34, 32, [0]),
    T.Q4_K: (144, 256, [0, 2]), T.Q5_K: (176, 256, [0, 2]), T.Q6_K: (210, 256, [208]), T.BF16: (2, 1, []), T.F16: (2, 1, []),
}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    for kind, (size, elements, scales) in BLOCKS.items():
        count = 3 if elements == 256 else 8 if elements == 32 else 128
        blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
        for at in scales:
            half = rng.normal(0, 0.02, count).astype(np.float16)
            half[0] = np.float16(3e-6)  # a subnormal scale
            blocks[:, at:at + 2] = half.view(np.uint8).reshape(count, 2)
        if not scales:  # no infinities and NaNs: their bits are not specified
            blocks[:, 1] &= 0xBF
        values = np.ascontiguousarray(dequantize(blocks.reshape(1, -1), kind), dtype=np.float32).reshape(-1)
        assert values.size == count * elements and np.isfinite(values).all(), kind
        raw = blocks.tobytes()
        (OUT / f"{kind.name.lower()}.bin").write_bytes(struct.pack("<II", len(raw), values.size) + raw + values.tobytes())

    scale = np.exp2(rng.uniform(-30, 18, 480)).astype(np.float32)
    f32 = (scale * rng.choice([-1, 1], 480)).astype(np.float32)
    edges = np.array([0, -0.0, 65504, 65519.996, 65520, 1e9, np.inf, -np.inf, 2.0**-24, 2.0**-25, 2.0**-25 * 1.0001, 2.0**-14,
                      1 + 2.0**-11, 1 + 3 * 2.0**-11, 2.0**-14 - 2.0**-26, 2.0**-15], dtype=np.float32)
    f32 = np.concatenate([f32, edges])
    with np.errstate(over="ignore"):
        f16 = f32.astype(np.float16)
    (OUT / "f32_to_f16.bin").write_bytes(struct.pack("<II", f16.nbytes, f32.size) + f16.tobytes() + f32.tobytes())


if __name__ == "__main__":
    main()
