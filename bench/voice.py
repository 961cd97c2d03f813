#!/usr/bin/env python3
"""Speech both ways: real-time factors of piper-joe, kokoro-82m and whisper-base in one thread, and the wait for the first audio.

    .venv/bin/python bench/voice.py [--rounds 3] [--peer-python PYTHON] [--anyway] [--out build/bench-voice.json]

A real-time factor is time per second of sound: `wall` as a client sees it, `cpu` what the process of the model used. Whisper hears
more than 60 s that piper said, 20 sentences with half a second between them. first_audio_ms: from the request for a sentence of ten words
to its first sample. Peers run in the same rounds when PYTHON (default: .venv-parity-whisper) has faster-whisper or onnxruntime.
Rounds in which others used more than 10 % of the machine are refused (exit status 3) unless --anyway. Prints JSON on the last line.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import httpx

import foreign_load

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
import placements  # noqa: E402
from hear_test import SENTENCES, child_of, wav  # noqa: E402

MODELS = pathlib.Path(os.environ.get("ZENITH_HOME", pathlib.Path.home() / ".cache" / "zenith")) / "models"
CONFIG = placements.IPC + "".join(f'[[service]]\nrole = "voice"\nid = "{model}"\nmodel = "{model}"\n'
                                  for model in ("piper-joe", "kokoro-82m", "whisper-base"))
TEN_WORDS = "The quick brown fox jumps over the very lazy dog."
KOKORO_SENTENCES = 5


class Zenith:
    def __init__(self, placement):
        self.url, self.pid = f"http://127.0.0.1:{placement.port}", placement.processes["zenith"].popen.pid

    def factor(self, model, run):
        """@returns {"wall", "cpu"} of run(), which returns seconds of sound."""
        child = child_of(self.pid, model)
        cpu, started = foreign_load.cpu_seconds(child), time.monotonic()
        seconds = run()
        return {"wall": (time.monotonic() - started) / seconds, "cpu": (foreign_load.cpu_seconds(child) - cpu) / seconds}

    def say(self, model, text):
        answer = httpx.post(self.url + "/v1/audio/speech", json={"model": model, "input": text, "response_format": "pcm"}, timeout=600)
        answer.raise_for_status()
        return answer.content, int(answer.headers["content-type"].split("rate=")[1])

    def speak(self, model, sentences):
        samples, rate = self.say(model, " ".join(sentences))
        return len(samples) / 2 / rate

    def hear(self, file):
        answer = httpx.post(self.url + "/v1/audio/transcriptions", files={"file": ("a.wav", file)},
                            data={"response_format": "verbose_json"}, timeout=600)
        answer.raise_for_status()
        return answer.json()["duration"]

    def first_audio_ms(self, client):
        started = time.monotonic()
        with client.stream("POST", self.url + "/v1/audio/speech",
                           json={"model": "piper-joe", "input": TEN_WORDS, "response_format": "pcm"}) as answer:
            chunks = answer.iter_raw()
            next(chunks)
            took = (time.monotonic() - started) * 1e3
            for _ in chunks:  # to its end: the next sentence would wait for the piece that a cancelled one is at
                pass
        return took


def has(python, module):
    return pathlib.Path(python).exists() and subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def peers(python, file):
    """Name and command of those that are installed."""
    script = str(ROOT / "bench" / "voice_peers.py")
    found = {}
    if has(python, "faster_whisper"):
        for kind in ("float32", "int8"):
            found[f"faster-whisper {kind}, greedy"] = [python, script, "faster-whisper", str(MODELS / "whisper-base"), kind, file]
    if has(python, "onnxruntime"):
        voice = str(MODELS / "piper-joe" / "en_US-joe-medium.onnx")
        found["piper-joe in onnxruntime"] = [python, script, "onnxruntime", voice, " ".join(SENTENCES)]
    return found


def peer_factor(command):
    done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    return {"wall": done["wall_s"] / done["audio_s"], "cpu": done["cpu_s"] / done["audio_s"]}


def one_round(zenith, file, others):
    with foreign_load.Meter() as meter:
        factors = {"piper-joe": zenith.factor("piper-joe", lambda: zenith.speak("piper-joe", SENTENCES)),
                   "kokoro-82m": zenith.factor("kokoro-82m", lambda: zenith.speak("kokoro-82m", SENTENCES[:KOKORO_SENTENCES])),
                   "whisper-base": zenith.factor("whisper-base", lambda: zenith.hear(file))}
        with httpx.Client(timeout=60) as client:  # made before: its certificates cost 30 ms and more
            first = [zenith.first_audio_ms(client) for _ in range(9)]
        factors |= {name: peer_factor(command) for name, command in others.items()}
    print(f"round of {meter.wall:.0f} s, foreign load {meter.foreign:.0%}", file=sys.stderr)
    return {"foreign_load": round(meter.foreign, 3), "first_audio_ms": round(statistics.median(first), 1), "real_time_factor": factors}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", default=str(ROOT / ".venv-parity-whisper" / "bin" / "python"))
    parser.add_argument("--anyway", action="store_true", help="measure on a busy machine too; only ratios of cpu mean something then")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "bench-voice.json")
    options = parser.parse_args()
    if why := foreign_load.too_much(options.anyway):
        print(why, file=sys.stderr)
        return 3
    with placements.Placement(CONFIG) as placement, tempfile.NamedTemporaryFile(suffix=".wav") as on_disk:
        placement.wait_ready(wanted=5, seconds=300)
        zenith = Zenith(placement)
        spoken = [zenith.say("piper-joe", sentence) for sentence in SENTENCES]
        rate = spoken[0][1]
        file = wav(b"".join(samples + bytes(rate) for samples, _ in spoken), rate)
        on_disk.write(file)
        on_disk.flush()
        zenith.speak("kokoro-82m", SENTENCES[:1])
        zenith.hear(file)
        others = peers(options.peer_python, on_disk.name)
        rounds = [one_round(zenith, file, others) for _ in range(options.rounds)]
    factors = {name: {kind: round(statistics.median(r["real_time_factor"][name][kind] for r in rounds), 4) for kind in ("wall", "cpu")}
               for name in rounds[0]["real_time_factor"]}
    result = {"real_time_factor": factors, "first_audio_ms": statistics.median(r["first_audio_ms"] for r in rounds),
              "heard_s": round((len(file) - 44) / 2 / rate, 1), "rounds": rounds,
              "quiet": all(r["foreign_load"] <= foreign_load.LIMIT for r in rounds)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    return 0 if result["quiet"] or options.anyway else 3


if __name__ == "__main__":
    sys.exit(main())
