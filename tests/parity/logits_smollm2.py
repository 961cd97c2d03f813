"""SmolLM2 as transformers computes it from the same GGUF (dequantised to F32): logits, greedy tokens, perplexity.

Writes to tests/data/parity/:
  smollm2.json             20 prompts: ids, 64 greedy ids, the margin of each (first minus second logit), the whole row's log-sum-exp
  smollm2-sample-ids.npy   i32 [2048]      a seeded sample of the vocabulary, the same for every prompt
  smollm2-sample.npy       f32 [20, 2048]  logits of the prompt's last position at these ids
  smollm2-top-ids.npy      i32 [20, 64]    the 64 largest logits of the same row
  smollm2-top.npy          f32 [20, 64]
  smollm2-perplexity.json  perplexity of perplexity.txt: windows of 512, full ones only, second half scored
  smollm2-perplexity-ids.npy  i32, the text's tokens as transformers cuts it; the test measures the model on these, not the tokenizer
Greedy decoding goes on past end-of-text tokens, so that every prompt has 64 steps.
perplexity.txt: Ruth 1, King James Version (public domain; Debian's bible-kjv-text), then the start of the Apache License 2.0.
Read by tests/parity/smollm2_test.cpp.  Run: python tests/parity/logits_smollm2.py
"""

import math

import _common as common
import gguf
import numpy as np
import torch
import transformers as hf

GREEDY = 64
SAMPLE = 2048
TOP = 64
WINDOW = 512
SEED = 20250207


def chat(user: str, system: str = "You are a helpful AI assistant named SmolLM, trained by Hugging Face") -> str:
    return f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"


def prompts() -> dict[str, str]:
    text = (common.DATA / "perplexity.txt").read_text(encoding="utf-8")
    return {
        "chat_capital": chat("What is the capital of France?"),
        "chat_poem": chat("Write a short poem about the sea."),
        "chat_code": chat("Write a Python function that returns the n-th Fibonacci number."),
        "chat_list": chat("Name five animals that live in Africa."),
        "chat_maths": chat("If I have 12 apples and give away 5, how many are left? Explain step by step."),
        "chat_system": chat("Who are you?", system="You are a pirate. Answer in one sentence."),
        "chat_turns": chat("Hello!") + "Hello! How can I help you today?<|im_end|>\n<|im_start|>user\nTell me about gravity.<|im_end|>\n<|im_start|>assistant\n",
        "chat_german": chat("Was ist die Hauptstadt von Deutschland?"),
        "chat_summary": chat("Summarise this text in one sentence:\n\n" + text[:1500]),
        "chat_emoji": chat("What does 🙂🚀 mean? Café, naïve, 東京."),
        "raw_one_token": "The",
        "raw_sentence": "The capital of France is",
        "raw_story": "Once upon a time, in a village at the foot of a mountain, there lived",
        "raw_code": "def quicksort(items):\n    if len(items) <= 1:\n        return items\n",
        "raw_cpp": "#include <vector>\n\n// Returns the sum of all elements.\nint sum(const std::vector<int>& v) {\n",
        "raw_numbers": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,",
        "raw_repeated": "ha " * 40,
        "raw_whitespace": "a\n\n\n   b\t\tc\n    d",
        "raw_kjv": text[:2200],
        "raw_licence": text[-4000:-600],
    }


def load():
    path = common.model_file("smollm2-135m", "SmolLM2-135M-Instruct.Q4_1.gguf")
    model = hf.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager").eval()
    reader = gguf.GGUFReader(path)  # transformers must have used exactly the file's weights, in F32
    tensors = {t.name: t for t in reader.tensors}
    for name, key in {"blk.7.ffn_down.weight": "model.layers.7.mlp.down_proj.weight", "token_embd.weight": "lm_head.weight"}.items():
        want = gguf.dequantize(tensors[name].data, tensors[name].tensor_type)
        got = model.state_dict()[key]
        assert got.dtype == torch.float32 and np.array_equal(got.numpy(), want), key
    tokenizer = hf.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    return model, tokenizer


def logits_and_greedy(model, tokenizer) -> None:
    common.seed_all(SEED)
    sample = np.sort(np.random.default_rng(SEED).choice(model.config.vocab_size, SAMPLE, replace=False))
    cases, sampled, top_ids, top = [], [], [], []
    for name, text in prompts().items():
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        out, margins, logits = common.greedy(model, ids, GREEDY)
        best = torch.topk(logits, TOP)
        sampled.append(logits.numpy()[sample])
        top_ids.append(best.indices.numpy())
        top.append(best.values.numpy())
        cases.append({"name": name, "ids": ids, "greedy": out, "margins": [round(m, 5) for m in margins],
                      "log_sum_exp": float(torch.logsumexp(logits.double(), 0))})  # fmt: skip
        print(f"{name}: {len(ids)} tokens, least margin {min(margins):.4f}: {tokenizer.decode(out)[:60]!r}", flush=True)
    common.save_array(common.DATA / "smollm2-sample-ids.npy", sample, np.int32)
    common.save_array(common.DATA / "smollm2-sample.npy", sampled, np.float32)
    common.save_array(common.DATA / "smollm2-top-ids.npy", top_ids, np.int32)
    common.save_array(common.DATA / "smollm2-top.npy", top, np.float32)
    made_by = f"tests/parity/logits_smollm2.py, transformers {hf.__version__}, torch {torch.__version__.split('+')[0]}"
    rows = ",\n".join("  " + common.json.dumps(c, ensure_ascii=False) for c in cases)
    (common.DATA / "smollm2.json").write_text(f'{{"made_by": "{made_by}",\n "prompts": [\n{rows}\n]}}\n', encoding="utf-8")


def perplexity(model, tokenizer) -> None:
    ids = tokenizer((common.DATA / "perplexity.txt").read_text(encoding="utf-8"), add_special_tokens=False)["input_ids"]
    common.save_array(common.DATA / "smollm2-perplexity-ids.npy", ids, np.int32)
    windows, total, count = len(ids) // WINDOW, 0.0, 0
    for w in range(windows):
        part = torch.tensor([ids[w * WINDOW : (w + 1) * WINDOW]])
        with torch.inference_mode():
            logprobs = torch.log_softmax(model(input_ids=part, use_cache=False).logits[0].double(), dim=-1)
        for target in range(WINDOW // 2, WINDOW):  # token `target` is predicted by position target - 1
            total -= float(logprobs[target - 1, part[0, target]])
            count += 1
    value = {"file": "perplexity.txt", "context": WINDOW, "windows": windows, "tokens": len(ids), "scored": count,
             "nll": total / count, "perplexity": math.exp(total / count)}  # fmt: skip
    common.save_json(common.DATA / "smollm2-perplexity.json", value)
    print(value)


def main() -> None:
    torch.set_num_threads(1)  # the order of sums must not depend on the machine's cores
    model, tokenizer = load()
    perplexity(model, tokenizer)
    logits_and_greedy(model, tokenizer)


if __name__ == "__main__":
    main()
