"""Sentence embeddings of minilm-l6 as transformers computes them: mean over all tokens, L2-normalised.

Writes tests/data/parity/minilm.json (texts and token ids) and minilm.npy (f32 [texts, 384]).
Read by tests/parity/embeddings_test.cpp.  Run: python tests/parity/embeddings.py
"""

import _common as common
import numpy as np
import torch
import transformers as hf

LIMIT = 256  # tokens, from the model's sentence_bert_config.json

TEXTS = {
    "short": "Hello",
    "sentence": "The quick brown fox jumps over the lazy dog.",
    "question": "How do I reset my password?",
    "paraphrase": "What are the steps to change a forgotten password?",
    "upper_case": "ZENITH IS AN INFERENCE SERVER, WRITTEN IN C++20!",
    "numbers": "In 2024, 3.14159 x 2 = 6.28318 (approx.); $1,000.00 or 50%.",
    "code": "for (int i = 0; i < n; ++i) { sum += a[i] * b[i]; }",
    "accents": "Café crème, naïve façade, Ångström, São Paulo, Žižek",
    "cjk": "東京は日本の首都です。北京是中国的首都。서울",
    "mixed": "Привет, мир! مرحبا بالعالم 🙂 नमस्ते",
    "unusual_word": "pneumonoultramicroscopicsilicovolcanoconiosis and Llanfairpwllgwyngyll",
    "long": "The river runs past the old mill, under the bridge and on to the sea, and the people of the town walk along it. " * 7,
}


def main() -> None:
    torch.set_num_threads(1)
    folder = common.model_file("minilm-l6", "model.safetensors").parent
    tokenizer = hf.AutoTokenizer.from_pretrained(folder)
    model = hf.AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    cases, vectors = [], []
    for name, text in TEXTS.items():
        ids = tokenizer(text, truncation=True, max_length=LIMIT)["input_ids"]
        with torch.inference_mode():
            hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        mean = hidden.mean(dim=0)
        vectors.append((mean / mean.norm()).numpy())
        cases.append({"name": name, "text": text, "ids": ids})
        print(f"{name}: {len(ids)} tokens")
    common.save_array(common.DATA / "minilm.npy", vectors, np.float32)
    rows = ",\n".join("  " + common.json.dumps(c, ensure_ascii=False) for c in cases)
    (common.DATA / "minilm.json").write_text(
        f'{{"made_by": "tests/parity/embeddings.py, transformers {hf.__version__}",\n "texts": [\n{rows}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
