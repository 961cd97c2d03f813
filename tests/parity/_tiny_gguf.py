"""Random models of transformers as GGUF files, and back: names, keys and layouts as GGUF readers expect them."""

import math
import re

import gguf
import numpy as np

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEXT = (
    "the quick brown fox jumps over the lazy dog and then the dog sleeps in the sun while the fox runs through the forest "
    "a model reads the text and writes the next token of the text one after the other until there is nothing more to say "
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

NAMES = {  # transformers name below model.layers.N -> GGUF name below blk.N
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
GEMMA_NAMES = NAMES | {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
TOP_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def gguf_name(name: str, arch: str) -> str:
    base, suffix = name.rsplit(".", 1)
    if base in TOP_NAMES:
        return f"{TOP_NAMES[base]}.{suffix}"
    layer, rest = re.fullmatch(r"model\.layers\.(\d+)\.(.+)", base).groups()
    return f"blk.{layer}.{(GEMMA_NAMES if arch == 'gemma3' else NAMES)[rest]}.{suffix}"


def interleave(w: np.ndarray, heads: int) -> np.ndarray:
    """Rows of q and k of `llama`: from halves (i, i + dim/2) to neighbours (2i, 2i + 1), as its rotary embedding in GGUF pairs them."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def deinterleave(w: np.ndarray, heads: int) -> np.ndarray:
    return w.reshape(heads, w.shape[0] // heads // 2, 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def heads_of(name: str, config) -> int:
    """How many heads the rows of a `llama` tensor hold if it must be permuted, else 0."""
    if ".attn_q." in name:
        return config.num_attention_heads
    return config.num_key_value_heads if ".attn_k." in name else 0


def to_gguf(model, arch: str) -> dict[str, np.ndarray]:
    """The tensors of a transformers model, F32, as the file holds them."""
    out = {}
    for name, value in model.state_dict().items():
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        w, name = value.float().numpy(), gguf_name(name, arch)
        if arch == "gemma3" and name.endswith("norm.weight"):
            w = w + 1.0  # the file's norms multiply by w, the model's by 1 + w
        if arch == "llama" and heads_of(name, model.config):
            w = interleave(w, heads_of(name, model.config))
        out[name] = np.ascontiguousarray(w, dtype=np.float32)
    return out


def from_gguf(model, tensors: dict[str, np.ndarray], arch: str) -> None:
    """The reverse: puts F32 tensors of a file into a transformers model."""
    import torch

    state = model.state_dict()
    for name in state:
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        short = gguf_name(name, arch)
        w = tensors[short]
        if arch == "gemma3" and short.endswith("norm.weight"):
            w = w - 1.0
        if arch == "llama" and heads_of(short, model.config):
            w = deinterleave(w, heads_of(short, model.config))
        state[name].copy_(torch.from_numpy(np.ascontiguousarray(w)))


def rope_factors(config) -> np.ndarray:
    """Llama 3's frequency divisors, one a pair (transformers' rope_type "llama3" divides the same frequencies)."""
    p = config.rope_parameters
    dim = config.head_dim
    freqs = 1.0 / p["rope_theta"] ** (np.arange(0, dim, 2) / dim)
    low, high, old = p["low_freq_factor"], p["high_freq_factor"], p["original_max_position_embeddings"]
    out = []
    for wavelength in 2 * math.pi / freqs:
        smooth = min(1.0, max(0.0, (old / wavelength - low) / (high - low)))
        out.append(1.0 / ((1.0 - smooth) / p["factor"] + smooth))
    return np.array(out, dtype=np.float32)


def vocabulary(size: int):
    """A byte-level BPE of `size` tokens: special ones, the 256 bytes, then merges learnt from TEXT."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([TEXT], trainer)
    import json

    merges = [" ".join(m) if isinstance(m, list) else m for m in json.loads(tokenizer.to_str())["model"]["merges"]]
    tokens = [t for t, _ in sorted(tokenizer.get_vocab().items(), key=lambda kv: kv[1])]
    assert len(tokens) == size, (len(tokens), size)
    return tokens, merges


def write(path, arch: str, name: str, config, tensors: dict, pre: str, types: dict | None = None) -> None:
    """Writes the file. `types`: tensor name -> GGMLQuantizationType of already packed bytes; absent names are F32."""
    w = gguf.GGUFWriter(path, arch)
    w.add_name(name)
    w.add_license("apache-2.0")
    w.add_context_length(config.max_position_embeddings)
    w.add_embedding_length(config.hidden_size)
    w.add_block_count(config.num_hidden_layers)
    w.add_feed_forward_length(config.intermediate_size)
    w.add_head_count(config.num_attention_heads)
    w.add_head_count_kv(config.num_key_value_heads)
    w.add_layer_norm_rms_eps(config.rms_norm_eps)
    w.add_vocab_size(config.vocab_size)
    rope = config.rope_parameters
    w.add_rope_freq_base(rope.get("full_attention", rope)["rope_theta"])
    if arch == "llama":
        w.add_rope_dimension_count(config.head_dim)
    if arch in ("qwen3", "gemma3"):
        w.add_key_length(config.head_dim)
        w.add_value_length(config.head_dim)
    if arch == "gemma3":
        w.add_sliding_window(config.sliding_window)
        if config.final_logit_softcapping:
            w.add_final_logit_softcapping(config.final_logit_softcapping)
        if rope["full_attention"]["rope_type"] == "linear":
            w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            w.add_rope_scaling_factor(rope["full_attention"]["factor"])
    tokens, merges = vocabulary(config.vocab_size)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(pre)
    w.add_token_list(tokens)
    w.add_token_types([gguf.TokenType.CONTROL if t in SPECIAL else gguf.TokenType.NORMAL for t in tokens])
    w.add_token_merges(merges)
    w.add_bos_token_id(0)
    w.add_eos_token_id(2)
    w.add_add_bos_token(False)
    w.add_chat_template(CHAT_TEMPLATE)
    for key, value in tensors.items():
        w.add_tensor(key, value, raw_dtype=(types or {}).get(key))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
