"""What the golden scripts share: where files lie, determinism, GGUF writing. Files that begin with _ are no golden scripts."""

import json
import os
import pathlib
import random

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "parity"


def model_file(name: str, file: str) -> pathlib.Path:
    """A file of a default model, where `zenith pull` puts it."""
    home = pathlib.Path(os.environ.get("ZENITH_HOME", pathlib.Path.home() / ".cache" / "zenith"))
    path = home / "models" / name / file
    if not path.exists():
        raise SystemExit(f"{path} is missing: run `zenith pull {name}` first")
    return path


def seed_all(seed: int) -> None:
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)


def save_array(path: pathlib.Path, array, dtype) -> None:
    """C-order .npy, which the C++ tests read (tests/parity/npy.hpp)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.ascontiguousarray(np.asarray(array), dtype=dtype))


def save_json(path: pathlib.Path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def greedy(model, ids: list[int], count: int):
    """`count` tokens by largest logit, one at a time over a KV cache, end-of-text tokens included.

    Returns the ids, the margin (first minus second logit) at every step, and the logits of the prompt's last position.
    """
    import torch

    out, margins, first, cache = [], [], None, None
    step = torch.tensor([ids])
    with torch.inference_mode():
        for _ in range(count):
            result = model(input_ids=step, past_key_values=cache, use_cache=True)
            cache = result.past_key_values
            logits = result.logits[0, -1].float()
            first = logits.clone() if first is None else first
            top = torch.topk(logits, 2)
            out.append(int(top.indices[0]))
            margins.append(float(top.values[0] - top.values[1]))
            step = torch.tensor([[out[-1]]])
    return out, margins, first
