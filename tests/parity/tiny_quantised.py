"""Tiny llamas with quantised weights: transformers runs on the weights that the `gguf` package dequantises from the same file.

Writes tests/data/parity/tiny-{legacy,kquant,half}.{gguf,json} and -logprobs.npy, in the form of tiny_models.py.
  legacy: Q8_0 Q4_0 Q4_1 Q5_0 Q5_1, packed by `gguf`.    half: F16 and BF16.
  kquant: Q4_K Q5_K Q6_K; `gguf` can only unpack these, so the blocks are random bits with scales of a sensible size.
Read by tests/parity/tiny_test.cpp.  Run: python tests/parity/tiny_quantised.py
"""

import _common as common
import _tiny_gguf as tiny
import gguf
import numpy as np
import tiny_models
import torch
import transformers as hf

Type = gguf.GGMLQuantizationType


def config(width: int, layers: int, ff: int):
    return hf.LlamaConfig(**(tiny_models.BASE | dict(
        hidden_size=width, intermediate_size=ff, num_hidden_layers=layers, num_attention_heads=4, num_key_value_heads=2,
        initializer_range=0.15 * (64 / width) ** 0.5)), tie_word_embeddings=True, rope_parameters=tiny_models.plain_rope(10000.0))  # fmt: skip


MODELS = {  # name: (config, types of a layer's matrices in turn, type of the embedding and head)
    "legacy": (lambda: config(64, 3, 96), [Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0], Type.Q8_0),
    "half": (lambda: config(64, 2, 96), [Type.F16, Type.BF16], Type.F16),
    "kquant": (lambda: config(256, 1, 256), [Type.Q4_K, Type.Q5_K, Type.Q6_K], Type.Q6_K),
}


def random_k_blocks(w: np.ndarray, kind: Type, rng) -> np.ndarray:
    """Valid blocks of 256: every bit of the codes and sub-scales random, the F16 scales set so that weights have w's deviation."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    raw = rng.integers(0, 256, (w.size // block, size), dtype=np.uint8)
    scale = rng.uniform(0.5, 1.5, (raw.shape[0], 1)).astype(np.float16)
    if kind == Type.Q6_K:  # ql, qh, 16 int8 scales, d last
        raw[:, -2:] = scale.view(np.uint8)
    else:  # d, dmin, then 12 bytes of 6-bit scales and minima; dmin centres the codes
        top = {Type.Q4_K: 15, Type.Q5_K: 31}[kind]
        raw[:, 0:2] = scale.view(np.uint8)
        raw[:, 2:4] = (scale * np.float16(top / 2)).view(np.uint8)
    spread = gguf.dequantize(raw.reshape(w.shape[0], -1), kind).std() / w.std()
    for at in [-2] if kind == Type.Q6_K else [0, 2]:
        field = raw[:, at : at + 2 or None].copy().view(np.float16)
        raw[:, at : at + 2 or None] = (field / np.float16(spread)).view(np.uint8)
    return raw.reshape(w.shape[0], -1)


def pack(w: np.ndarray, kind: Type, rng) -> np.ndarray:
    return random_k_blocks(w, kind, rng) if kind.name.endswith("_K") else gguf.quantize(w, kind)


def quantised(name: str):
    """A maker for tiny_models.usable_seed: the model on dequantised weights; the packed tensors are attached to it."""
    _, types, head = MODELS[name]

    def make(cfg, seed):
        model, rng = tiny_models.random_model(cfg, seed), np.random.default_rng(seed)
        packed, kinds, plain, turn = {}, {}, {}, 0
        for key, w in tiny.to_gguf(model, "llama").items():
            if w.ndim == 1:
                packed[key] = plain[key] = w
                continue
            kinds[key] = head if key == "token_embd.weight" else types[turn % len(types)]
            turn += key != "token_embd.weight"
            packed[key] = pack(w, kinds[key], rng)
            plain[key] = gguf.dequantize(packed[key], kinds[key]).reshape(w.shape)
        tiny.from_gguf(model, plain, "llama")
        model.packed, model.kinds = packed, kinds
        return model

    return make


def main() -> None:
    torch.set_num_threads(1)
    for name, (cfg, _, _) in MODELS.items():
        cfg = cfg()
        seed, model, ids, logprobs, out, margins = tiny_models.usable_seed(quantised(name), cfg)
        path = common.DATA / f"tiny-{name}.gguf"
        tiny.write(path, "llama", f"tiny {name}", cfg, model.packed, "gpt-2", model.kinds)
        tiny_models.save(f"tiny-{name}", seed, ids, logprobs, out, margins)
        used = sorted({k.name for k in model.kinds.values()})
        print(f"tiny-{name}: {path.stat().st_size} bytes, seed {seed}, least margin {min(margins):.3f}, types {used}, greedy {out}")


if __name__ == "__main__":
    main()
