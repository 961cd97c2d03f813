#!/usr/bin/env python3
"""Goldens of tests/tokenizer, made with Hugging Face's `tokenizers` and with `sentencepiece`.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3 gguf==0.19.0
    python tests/parity/tokenizer_goldens.py [--models DIR]     # DIR: default $ZENITH_HOME/models or ~/.cache/zenith/models

Writes tests/data/tokenizer: texts.json (the inputs), one file for each tokenizer with the ids of the picked texts and a CRC-32 (over
little-endian int32) of the ids of each random text.
"""
import argparse
import json
import os
import pathlib
import struct
import sys
import zlib

from tokenizer_corpus import PICKED, random_texts

OUT = pathlib.Path(__file__).resolve().parent.parent / "data/tokenizer"
RANDOM = random_texts()

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN35 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
DEEPSEEK_V3 = ("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*"
               "|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")
U, V = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
C = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
CASED_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT4O = rf"[^\r\n\p{{L}}\p{{N}}]?{U}*{V}+{C}|[^\r\n\p{{L}}\p{{N}}]?{U}+{V}*{C}|\p{{N}}{{1,3}}" + CASED_TAIL
TEKKEN = rf"[^\r\n\p{{L}}\p{{N}}]?{U}*{V}+|[^\r\n\p{{L}}\p{{N}}]?{U}+{V}*|\p{{N}}" + CASED_TAIL
CASED = ("A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377"
         "\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-"
         "\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-"
         "\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-"
         "\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115"
         "\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-"
         "\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-"
         "\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-"
         "\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943")
ASIAN = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
FAMILIES = {
    "smollm": None,  # Digits + ByteLevel's own expression, as SmolLM2's tokenizer.json has it
    "gpt2": [GPT2],
    "llama3": [LLAMA3],
    "qwen2": [QWEN2],
    "qwen35": [QWEN35],
    "deepseek-v3": [r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", DEEPSEEK_V3],
    "deepseek-llm": ["[\r\n]", rf"\s?[{CASED}]+", "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+", r"\s+$", ASIAN, r"\p{N}+"],
    "deepseek-coder": ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", ASIAN, r"\p{N}"],
    "gpt-4o": [GPT4O],
    "tekken": [TEKKEN],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
}


def crc(ids):
    return f"{zlib.crc32(struct.pack(f'<{len(ids)}i', *ids)):08x}"


def write(name, encode, **extra):
    data = dict(extra, picked=[encode(t) for t in PICKED], random=[crc(encode(t)) for t in RANDOM])
    (OUT / f"{name}.json").write_text(json.dumps(data, separators=(",", ":")))
    print(name)


def gguf_vocabulary(path):
    import gguf
    fields = gguf.GGUFReader(path).fields
    get = lambda key: fields["tokenizer.ggml." + key].contents()
    return get("tokens"), get("merges"), get("token_type")


def byte_bpe(tokens, merges, family, ignore_merges=False):
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    vocab = {t: i for i, t in enumerate(tokens)}
    t = Tokenizer(models.BPE(vocab, [tuple(m.split(" ")) for m in merges], ignore_merges=ignore_merges))
    if family == "smollm":
        parts = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    else:
        parts = [pre_tokenizers.Split(Regex(e), "isolated") for e in FAMILIES[family]]
        parts.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    t.pre_tokenizer = pre_tokenizers.Sequence(parts)
    return t


def byte_level_goldens(models):
    from tokenizers import AddedToken
    tokens, merges, types = gguf_vocabulary(models / "smollm2-135m/SmolLM2-135M-Instruct.Q4_1.gguf")
    for family in FAMILIES:
        t = byte_bpe(tokens, merges, family, ignore_merges=family in ("llama3", "tekken"))
        write(f"byte_{family}", lambda s: t.encode(s, add_special_tokens=False).ids)
    t = byte_bpe(tokens, merges, "smollm")
    t.add_special_tokens([AddedToken(tokens[i], special=True, normalized=False) for i, kind in enumerate(types) if kind == 3])
    write("byte_smollm_special", lambda s: t.encode(s, add_special_tokens=False).ids)


def wordpiece_goldens(models):
    from tokenizers import Tokenizer, normalizers
    file = models / "minilm-l6/tokenizer.json"
    t = Tokenizer.from_file(str(file))
    t.no_truncation()
    t.no_padding()
    write("wordpiece_minilm", lambda s: t.encode(s).ids)
    t.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=True)
    write("wordpiece_minilm_accents", lambda s: t.encode(s, add_special_tokens=False).ids)


def spm_goldens(name, **training):
    """A small SentencePiece BPE model of our own, its tokens as GGUF would carry them, and what the library makes of the texts."""
    import io
    import sentencepiece as spm
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=iter([t for t in PICKED * 3 if t.strip() and "\0" not in t]), model_writer=model, model_type="bpe",
                                   normalization_rule_name="identity", remove_extra_whitespaces=False, minloglevel=2, num_threads=1,
                                   character_coverage=0.98, bos_id=1, eos_id=2, unk_id=0, hard_vocab_limit=False, **training)
    p = spm.SentencePieceProcessor(model_proto=model.getvalue())
    kind = lambda i: 6 if p.is_byte(i) else 2 if p.is_unknown(i) else 3 if p.is_control(i) else 5 if p.is_unused(i) else 4 if p.id_to_piece(i) in training.get("user_defined_symbols", []) else 1
    size = p.get_piece_size()
    write(name, lambda s: p.encode(s), tokens=[p.id_to_piece(i) for i in range(size)], scores=[p.get_score(i) for i in range(size)],
          types=[kind(i) for i in range(size)])


def main():
    parser = argparse.ArgumentParser()
    home = os.environ.get("ZENITH_HOME") or pathlib.Path.home() / ".cache/zenith"
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path(home) / "models")
    models = parser.parse_args().models
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "texts.json").write_text(json.dumps({"picked": PICKED, "random": RANDOM}, ensure_ascii=False, separators=(",", ":")))
    spm_goldens("spm_llama", vocab_size=1200, byte_fallback=True, add_dummy_prefix=True)
    spm_goldens("spm_plain", vocab_size=900, byte_fallback=False, add_dummy_prefix=True)
    spm_goldens("spm_gemma", vocab_size=1200, byte_fallback=True, add_dummy_prefix=False,
                user_defined_symbols=["\n" * n for n in range(1, 8)] + ["\u2581" * n for n in range(2, 8)] + ["\t", "<table>", "</s><unk>"])
    wordpiece_goldens(models)
    byte_level_goldens(models)


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    main()
