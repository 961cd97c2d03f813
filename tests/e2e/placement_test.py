"""The same requests in every placement give the same bits: texts, log-probabilities, embeddings, speech, transcripts, what stands in
pictures, chats with pictures, and what a sensor's window says.

Piper's voices are not among them: they draw noise anew for each sentence (docs/adr/0007-media-in-a-child.md). Nor is the number of
frames in a window, which counts time. Kokoro's samples are held to a correlation of 0.999: one process in some twenty computed others of
equal length, at most 47 of 32,768 apart, for a reason that was not found; a difference is printed.

usage: placement_test.py [--requests 50]   (ZENITH_EXE names the executable)
"""
import argparse
import base64
import concurrent.futures
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import httpx
import numpy

import placements

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
PROC = tempfile.TemporaryDirectory(prefix="zenith-proc-")
SERVICES = ("router", "text", "voice", "ears", "vision", "telemetry", "gateway")

WORDS = ["river", "clock", "engine", "lantern", "harbour", "violin", "glacier", "market", "thunder", "garden"]


def requests(count):
    """Greedy and seeded chats and completions, some with several choices, and embeddings."""
    out = []
    for i in range(count):
        word = WORDS[i % len(WORDS)]
        common = {"max_tokens": 12 + i % 9, "model": "smollm2-135m"}
        if i % 5 == 4:
            out.append(("/v1/embeddings", {"model": "minilm-l6", "input": [f"the {word} number {i}, part {k}" for k in range(12)]}))
        elif i % 5 == 3:
            out.append(("/v1/completions", {**common, "prompt": f"Once upon a time a {word} said", "seed": i, "temperature": 0.9,
                                            "n": 2, "logprobs": 2}))
        else:
            sampling = {"temperature": 0} if i % 5 < 2 else {"temperature": 0.8, "top_p": 0.9, "seed": 1000 + i}
            out.append(("/v1/chat/completions", {**common, **sampling, "logprobs": True, "top_logprobs": 2,
                                                 "messages": [{"role": "user", "content": f"Write about a {word}, take {i}."}]}))
    return out


def essence(path, answer):
    """What must be equal: everything that was computed, nothing that tells time or ids."""
    if path == "/v1/embeddings":
        vectors = json.dumps([row["embedding"] for row in answer["data"]])
        return {"tensor": hashlib.sha256(vectors.encode()).hexdigest(), "usage": answer["usage"]}
    usage = {k: v for k, v in answer["usage"].items() if isinstance(v, int)}
    return {"choices": answer["choices"], "usage": usage}


def ask_all(placement, wanted):
    """Half of them one after the other, half at once."""
    def ask(one):
        status, answer, _ = placement.post(*one)
        assert status == 200, f"{one}: {status} {answer}\n{placement.log()}"
        return essence(one[0], answer)

    half = len(wanted) // 2
    answers = [ask(one) for one in wanted[:half]]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers += pool.map(ask, wanted[half:])
    return answers


def data_url(name):
    return "data:image/png;base64," + base64.b64encode((DATA / "vision" / name).read_bytes()).decode()


def ask_media(placement):
    """One after the other: each is computed by one process that does nothing else meanwhile."""
    with httpx.Client(base_url=f"http://127.0.0.1:{placement.port}", timeout=300) as client:
        def good(answer, what):
            assert answer.status_code == 200, f"{what}: {answer.status_code} {answer.text}\n{placement.log()}"
            return answer

        answers, sounds = [], []
        for text in ("The next train to the harbour leaves at noon.", "Mind the gap. It is 45 cm wide!"):
            wav = good(client.post("/v1/audio/speech", json={"model": "kokoro-82m", "input": text, "response_format": "wav"}), text).content
            assert len(wav) > 40_000, len(wav)
            answers.append({"speech": text, "bytes": len(wav)})
            sounds.append(numpy.frombuffer(wav[44:], "<i2").astype(float))
        sound = (DATA / "whisper" / "speech.flac").read_bytes()
        for form in ({"model": "whisper-base", "response_format": "verbose_json"}, {"model": "whisper-base", "language": "en"}):
            answers.append(good(client.post("/v1/audio/transcriptions", data=form, files={"file": ("speech.flac", sound)}), form).json())
            assert len(answers[-1]["text"]) > 40, answers[-1]
        for path, name in (("ocr", "sign.png"), ("ocr", "receipt.png"), ("ui", "ui_page.png")):
            answers.append(good(client.post(f"/v1/vision/{path}", json={"image": data_url(name)}), name).json())
        parts = [{"type": "text", "text": "What does the sign say?"}, {"type": "image_url", "image_url": {"url": data_url("sign.png")}}]
        body = {"model": "smollm2-135m", "messages": [{"role": "user", "content": parts}], "max_tokens": 24, "temperature": 0,
                "logprobs": True, "top_logprobs": 2}
        chat = good(client.post("/v1/chat/completions", json=body), "a chat with a picture").json()
        assert chat["zenith"]["modality_path"] == ["ocr"], chat
        answers.append({**essence("/v1/chat/completions", chat), "zenith": chat["zenith"]})
        window = good(client.get("/v1/sensors/host.memory/window", params={"window": "2s"}), "a window").json()
        assert window["frames"] > 0, window
        answers.append({k: v for k, v in window.items() if k in {"sensor_id", "unit", "elements"}})
        return answers, sounds


def sounds_differ(first, sounds):
    """Whether one is another sound; a difference of bits alone is told."""
    for i, (a, b) in enumerate(zip(first, sounds)):
        if numpy.array_equal(a, b):
            continue
        alike = numpy.corrcoef(a, b)[0, 1] if a.size == b.size else 0
        print(f"  sentence {i}: other samples, correlation {alike:.5f}, at most {numpy.abs(a - b).max() if alike else 0:.0f} apart")
        if alike < 0.999:
            return True
    return False


def config_of(endpoint=lambda name: "", texts=("text",)):
    """Every role; each service with the endpoint that `endpoint` says."""
    out = ""
    for name in SERVICES:
        for service in texts if name == "text" else (name,):
            role = {"ears": "voice", "telemetry": "sensor"}.get(name, name)
            out += f'[[service]]\nrole = "{role}"\nid = "{service}"\n{endpoint(service)}' + {
                "text": placements.MODELS, "voice": 'model = "kokoro-82m"\n', "ears": 'model = "whisper-base"\n',
                "vision": 'model = "ppocr-v4"\n',
                "telemetry": f"plugin = \"host_telemetry\"\noptions = '{json.dumps({'root': str(placements.still_proc(PROC.name)), 'period_ms': 50})}'\n",
            }.get(name, "")
    return out


def media_order():
    return [("ears", "voice", "--id", "ears"), ("voice", "voice", "--id", "voice"), ("vision", "vision"), ("telemetry", "sensor")]


def seven_processes(shared_bytes):
    """The gateway starts first: any may."""
    order = [("gateway", "gateway"), *media_order(), ("text", "text"), ("router", "router")]
    return placements.Placement(config_of(), order, environment={"ZENITH_LINKS_SHARED_BYTES": str(shared_bytes)})


def tcp_with_curve():
    """Eight processes over TCP: keys are made as a user makes them."""
    texts = ("text-1", "text-2")
    endpoint = lambda name: "" if name == "gateway" else f'endpoint = "tcp://127.0.0.1:{placements.free_port()}"\n'  # noqa: E731
    order = [("text-1", "text", "--id", "text-1"), ("gateway", "gateway"), ("router", "router"), *media_order(),
             ("text-2", "text", "--id", "text-2")]
    placement = placements.Placement(config_of(endpoint, texts), order)
    for name, *_ in order:
        subprocess.run([placements.EXE, "keys", "--dir", placement.environment["ZENITH_CURVE_DIR"], "--name", name, "--allow"],
                       check=True, stdout=subprocess.DEVNULL)
    return placement


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=50)
    wanted = requests(parser.parse_args().requests)
    cases = {
        "one process and its children": lambda: placements.Placement(config_of()),
        "seven processes, ipc": lambda: seven_processes(0),
        "seven processes, shared memory": lambda: seven_processes(1),
        "eight processes, TCP with CURVE": tcp_with_curve,
    }
    first, failed = None, False
    for name, make in cases.items():
        with make() as placement:
            # Models of text, the three media, and telemetry's five.
            placement.wait_ready((4 if "eight" in name else 2) + 3 + 5, 400)
            answers = ask_all(placement, wanted)
            media, sounds = ask_media(placement)
            answers += media
            segments = list((placement.root / "run").glob("*.shm"))
            if "children" not in name and bool(segments) != ("shared memory" in name):
                print(f"{name}: segments of shared memory: {segments}")
                failed = True
        bad = [n for n, code in placement.codes.items() if code != 0]
        if bad:
            print(f"{name}: {bad} did not exit with 0: {placement.codes}\n{placement.log()}")
            failed = True
        if first is None:
            first, first_sounds = answers, sounds
        differing = [i for i, (a, b) in enumerate(zip(first, answers)) if a != b]
        digest = hashlib.sha256(json.dumps(answers).encode()).hexdigest()[:16]
        print(f"{name}: {len(answers)} answers, {digest}, {len(differing)} differ from one process")
        for i in differing[:2]:
            print(f"  {wanted[i] if i < len(wanted) else 'media'}\n  {first[i]}\n  {answers[i]}")
        failed = failed or bool(differing) or sounds_differ(first_sounds, sounds)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    sys.exit(main())
