"""Tiny random models of every architecture, in F32, with the log-probabilities and greedy tokens of transformers.

Writes tests/data/parity/tiny-<name>.{gguf,json} and tiny-<name>-logprobs.npy (f32 [64, vocab], natural logarithm).
Read by tests/parity/tiny_test.cpp.  Run: python tests/parity/tiny_models.py
"""

import pathlib

import _common as common
import _tiny_gguf as tiny
import numpy as np
import torch
import transformers as hf

VOCAB = 331  # odd, so that the last group of a vectorised loop is never full
LENGTH = 64
PROMPT = 24
GREEDY = 16
MIN_MARGIN = 0.02  # logits; seeds whose greedy path has a closer call are passed over: only arithmetic may decide a test

BASE = dict(
    vocab_size=VOCAB, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=256, rms_norm_eps=1e-5, initializer_range=0.15, bos_token_id=0, eos_token_id=2, pad_token_id=2,
    attn_implementation="eager",
)  # fmt: skip


def plain_rope(theta):
    return {"rope_type": "default", "rope_theta": theta}


MODELS = {  # name: (architecture, pre-tokenizer, config)
    "llama": ("llama", "smollm", lambda: hf.LlamaConfig(**BASE, tie_word_embeddings=True, rope_parameters=plain_rope(100000.0))),
    "llama-rope": ("llama", "llama-bpe", lambda: hf.LlamaConfig(**BASE, tie_word_embeddings=False, rope_parameters={
        "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64})),
    "qwen2": ("qwen2", "qwen2", lambda: hf.Qwen2Config(**BASE, tie_word_embeddings=True, rope_parameters=plain_rope(1000000.0))),
    "qwen3": ("qwen3", "qwen2", lambda: hf.Qwen3Config(**BASE, head_dim=32, tie_word_embeddings=False, rope_parameters=plain_rope(1000000.0))),
    "gemma3": ("gemma3", "gpt-2", lambda: gemma(plain_rope(1000000.0), {})),
    "gemma3-linear": ("gemma3", "gpt-2", lambda: gemma({"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0}, {
        "hidden_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 48})),
}  # fmt: skip


def gemma(full, changes):
    """Six layers, so that five see a window of 16 and the last sees everything."""
    return hf.Gemma3TextConfig(**(BASE | dict(
        num_hidden_layers=6, intermediate_size=64, head_dim=24, query_pre_attn_scalar=24, sliding_window=16, rms_norm_eps=1e-6,
        tie_word_embeddings=True, rope_parameters={"full_attention": full, "sliding_attention": plain_rope(10000.0)}) | changes))  # fmt: skip


def random_model(config, seed: int):
    common.seed_all(seed)
    model = hf.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():  # initialisers leave norms at one (or zero) and biases at zero, which would hide their absence
        for name, p in model.named_parameters():
            if "norm" in name or name.endswith("bias"):
                p.add_(torch.randn_like(p) * 0.2)
            if "post_attention_layernorm" in name and config.model_type == "gemma3_text" or "post_feedforward_layernorm" in name:
                p.add_(2.0)  # as in trained models, the layers outweigh the scaled embedding, else the greedy path repeats one token
    return model


def reference(model, seed: int):
    ids = np.random.default_rng(seed).integers(len(tiny.SPECIAL), VOCAB, LENGTH).tolist()
    with torch.inference_mode():
        logprobs = torch.log_softmax(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].float(), dim=-1).numpy()
    out, margins, _ = common.greedy(model, ids[:PROMPT], GREEDY)
    return ids, logprobs, out, margins


def usable_seed(make, config):
    for seed in range(1, 200):
        model = make(config, seed)
        ids, logprobs, out, margins = reference(model, seed)
        if min(margins) >= MIN_MARGIN and len(set(out)) >= GREEDY // 2:  # a path that only repeats itself would test little
            return seed, model, ids, logprobs, out, margins
    raise SystemExit("no seed gives a usable greedy path: change the configuration")


def save(name: str, seed: int, ids, logprobs, out, margins) -> None:
    common.save_array(common.DATA / f"{name}-logprobs.npy", logprobs, np.float32)
    common.save_json(common.DATA / f"{name}.json", {
        "made_by": f"tests/parity/{pathlib.Path(__import__('sys').argv[0]).name}, transformers {hf.__version__}, torch {torch.__version__.split('+')[0]}",
        "seed": seed, "ids": ids, "prompt_length": PROMPT, "greedy": out, "min_margin": round(min(margins), 4),
    })  # fmt: skip


def main() -> None:
    torch.set_num_threads(1)
    for name, (arch, pre, config) in MODELS.items():
        config = config()
        seed, model, ids, logprobs, out, margins = usable_seed(random_model, config)
        tensors = tiny.to_gguf(model, arch)
        if name == "llama-rope":
            tensors["rope_freqs.weight"] = tiny.rope_factors(config)
        path = common.DATA / f"tiny-{name}.gguf"
        path.parent.mkdir(parents=True, exist_ok=True)
        tiny.write(path, arch, f"tiny {name}", config, tensors, pre)
        save(f"tiny-{name}", seed, ids, logprobs, out, margins)
        print(f"tiny-{name}: {path.stat().st_size} bytes, seed {seed}, least margin {min(margins):.3f}, greedy {out}")


if __name__ == "__main__":
    main()
