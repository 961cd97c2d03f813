"""Writes the seeds of the gguf, safetensors, bodies and http_multipart targets: python tests/fuzz/make_corpus.py. No dependencies.
The seeds of the wire target are tests/data/wire itself."""
import json
import pathlib
import random
import struct

ROOT = pathlib.Path(__file__).parent / "corpus"
U32, F32, STRING, ARRAY = 4, 6, 8, 9


def text(s):
    b = s.encode()
    return struct.pack("<Q", len(b)) + b


def key(name, value):
    if isinstance(value, str):
        return text(name) + struct.pack("<I", STRING) + text(value)
    if isinstance(value, list):
        return text(name) + struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(text(v) for v in value)
    if isinstance(value, float):
        return text(name) + struct.pack("<If", F32, value)
    return text(name) + struct.pack("<II", U32, value)


def gguf(keys, tensors):
    """tensors: name -> (extents innermost first, type, bytes)."""
    head = struct.pack("<IIQQ", 0x46554747, 3, len(tensors), len(keys)) + b"".join(key(k, v) for k, v in keys.items())
    data = b""
    for name, (extents, kind, payload) in tensors.items():
        head += text(name) + struct.pack("<I", len(extents)) + struct.pack(f"<{len(extents)}Q", *extents)
        head += struct.pack("<IQ", kind, len(data))
        data += payload + bytes(-len(payload) % 32)
    return head + bytes(-len(head) % 32) + data


def model(arch):
    """d 32, one layer, 8 tokens; q in Q8_0, the rest F32."""
    rng = random.Random(7)
    floats = lambda n: struct.pack(f"<{n}f", *[rng.uniform(-0.3, 0.3) for _ in range(n)])
    keys = {"general.architecture": arch, f"{arch}.block_count": 1, f"{arch}.embedding_length": 32,
            f"{arch}.feed_forward_length": 32, f"{arch}.attention.head_count": 2, f"{arch}.attention.head_count_kv": 1,
            f"{arch}.context_length": 64, f"{arch}.attention.layer_norm_rms_epsilon": 1e-5, "tokenizer.ggml.tokens": list("abcdefgh")}
    shapes = {"token_embd": [32, 8], "blk.0.attn_k": [32, 16], "blk.0.attn_v": [32, 16], "blk.0.attn_output": [32, 32],
              "blk.0.ffn_gate": [32, 32], "blk.0.ffn_up": [32, 32], "blk.0.ffn_down": [32, 32], "blk.0.attn_norm": [32],
              "blk.0.ffn_norm": [32], "output_norm": [32]}
    if arch in ("qwen3", "gemma3"):
        shapes |= {"blk.0.attn_q_norm": [16], "blk.0.attn_k_norm": [16]}
    if arch == "gemma3":
        shapes |= {"blk.0.post_attention_norm": [32], "blk.0.post_ffw_norm": [32]}
        keys["gemma3.attention.sliding_window"] = 4
    tensors = {}
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        tensors[name + ".weight"] = (shape, 0, floats(count))
    q8 = b"".join(struct.pack("<e", 0.01) + bytes(rng.randrange(256) for _ in range(32)) for _ in range(32))
    tensors["blk.0.attn_q.weight"] = ([32, 32], 8, q8)
    return gguf(keys, tensors)


def safetensors(header, data):
    packed = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(packed)) + packed + data


def bodies():
    """The FlatBuffers body of each golden message that has one."""
    for path in sorted((ROOT.parents[1] / "data" / "wire").glob("*.bin")):
        first = path.read_bytes()[4:]
        if first[12] > 0 and first[128] == 255:
            (size,), (offset,) = struct.unpack_from("<I", first, 132), struct.unpack_from("<Q", first, 152)
            yield path.stem, first[offset:offset + size]


def forms():
    """A header and a body each, parted by a line end."""
    head = b"Content-Disposition: form-data; name="
    text_part = lambda name, value: b"--XX\r\n" + head + b'"%s"\r\n\r\n%s\r\n' % (name, value)
    file = b"--XX\r\n" + head + b'"file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n--XXWAVE\r\n'
    kind = b"multipart/form-data; boundary=XX\n"
    yield "whole", kind + text_part(b"model", b"whisper-1") + file + text_part(b"temperature", b"0.5") + b"--XX--\r\n"
    yield "verbose", kind + file + text_part(b"response_format", b"verbose_json") + text_part(b"timestamp_granularities[]", b"segment") + b"--XX--"
    yield "quoted", b'multipart/form-data; boundary="X X"\n--X X\r\n' + head + b"file; filename=\"a\\\"b\"\r\n\r\n1\r\n--X X--"


def main():
    seeds = {f"fuzz_gguf/{arch}.gguf": model(arch) for arch in ("llama", "qwen3", "gemma3")}
    seeds["fuzz_gguf/empty.gguf"] = gguf({}, {})
    seeds["fuzz_safetensors/two.safetensors"] = safetensors(
        {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
         "b": {"dtype": "I64", "shape": [1], "data_offsets": [24, 32]}}, bytes(32))
    seeds["fuzz_safetensors/empty.safetensors"] = safetensors({}, b"")
    seeds |= {f"fuzz_bodies/{name}": body for name, body in bodies()}
    seeds |= {f"fuzz_http_multipart/{name}": form for name, form in forms()}
    for name, payload in seeds.items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(payload)


if __name__ == "__main__":
    main()
