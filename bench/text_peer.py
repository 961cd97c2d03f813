#!/usr/bin/env python3
"""Text generation speed beside llama.cpp's: the same file, the same threads, in turns in one run.

    python3 bench/text_peer.py [--model FILE] [--threads N] [--rounds N] [--out build/bench-text.json]

llama-bench comes from $ZENITH_PEER (a folder that holds it) or is built, unmodified, in build/peer from the source package
llama-cpp-python of PyPI with clang-19 and GGML_NATIVE=ON; that takes several minutes once.
A round runs each program once a case. Its foreign load is the share of all cores that neither program used but somebody did; rounds
above 10 % are shown and not counted, and without three quiet rounds no ratio is printed and the exit status is 3.
Prints a table, then one JSON object on the last line. Figures are medians of quiet rounds, tokens per second.
"""

import argparse
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEER = "llama-cpp-python==0.3.36"
FOREIGN_LIMIT = 0.10
QUIET_ROUNDS = 3
CASES = [  # name, prompt tokens, generated tokens, depth
    ("prefill 512", 512, 0, 0),
    ("decode, empty context", 0, 64, 0),
    ("decode after 1024", 0, 32, 1024),
]
PEER_FLAGS = {"default": [], "fa off": ["-fa", "0"]}  # its decode at depth depends on flash attention: both are quoted


def run(command, **options):
    return subprocess.run([str(c) for c in command], check=True, **options)


def peer() -> pathlib.Path:
    if folder := os.environ.get("ZENITH_PEER"):
        return pathlib.Path(folder) / "llama-bench"
    home = ROOT / "build" / "peer"
    binary = home / "build" / "bin" / "llama-bench"
    if binary.exists():
        return binary
    home.mkdir(parents=True, exist_ok=True)
    log = open(home / "build.log", "w")
    print(f"building the peer from {PEER} (log: {home}/build.log)", file=sys.stderr)
    quiet = {"stdout": log, "stderr": subprocess.STDOUT}
    run([sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-d", home, PEER], **quiet)
    archive = next(home.glob("llama_cpp_python-*.tar.gz"))
    run(["tar", "-C", home, "-xf", archive], **quiet)
    source = next(home.glob("llama_cpp_python-*/vendor/llama.cpp"))
    off = [f"-DLLAMA_{name}=OFF" for name in ("CURL", "BUILD_TESTS", "BUILD_EXAMPLES", "BUILD_SERVER")]
    run(["cmake", "-G", "Ninja", "-S", source, "-B", home / "build", "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=OFF",
         "-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_CXX_COMPILER=clang++-19", "-DGGML_NATIVE=ON", *off], **quiet)  # fmt: skip
    run(["cmake", "--build", home / "build", "--target", "llama-bench"], **quiet)
    return binary


def cpu_seconds():
    """(seconds that all cores were busy, seconds that our finished children used)."""
    fields = [int(f) for f in open("/proc/stat").readline().split()[1:9]]
    busy = sum(fields) - fields[3] - fields[4]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return busy / os.sysconf("SC_CLK_TCK"), used.ru_utime + used.ru_stime


def ours(args, prompt, gen, depth):
    command = [args.zenith, "bench", "text", args.model, "--threads", args.threads, "--prompt", prompt, "--gen", gen, "--depth", depth,
               "--repetitions", 1, "--json"]  # fmt: skip
    out = json.loads(run(command, capture_output=True, text=True).stdout)
    return out["decode_tokens_per_s" if gen else "prefill_tokens_per_s"], out["kernels"]


def theirs(args, flags, prompt, gen, depth):
    command = [args.peer, "-m", args.model, "-t", args.threads, "-p", prompt, "-n", gen, "-d", depth, "-r", 1, "-o", "json", *flags]
    rows = json.loads(run(command, capture_output=True, text=True).stdout)
    return rows[0]["avg_ts"], f"{rows[0]['build_commit']} {rows[0]['backends']}"


def measure(args):
    cores, runs, about = os.cpu_count(), [], {}
    for number in range(args.rounds):
        for name, prompt, gen, depth in CASES:
            started, (busy, used) = time.monotonic(), cpu_seconds()
            values = {}
            values["zenith"], about["kernels"] = ours(args, prompt, gen, depth)
            for label, flags in PEER_FLAGS.items():
                values[f"llama.cpp {label}"], about["llama.cpp"] = theirs(args, flags, prompt, gen, depth)
            wall, (busy_now, used_now) = time.monotonic() - started, cpu_seconds()
            foreign = max(0.0, (busy_now - busy) - (used_now - used)) / (wall * cores)
            runs.append({"round": number, "case": name, "foreign_load": round(foreign, 3), "tokens_per_s": values})
            print(f"round {number + 1}, {name}: foreign load {foreign:.0%}", file=sys.stderr)
    return runs, about


def summary(runs):
    cases = {}
    for name, *_ in CASES:
        mine = [r for r in runs if r["case"] == name]
        quiet = [r for r in mine if r["foreign_load"] <= FOREIGN_LIMIT]
        entry = {"quiet_rounds": len(quiet), "foreign_load_worst": max(r["foreign_load"] for r in mine)}
        if len(quiet) >= QUIET_ROUNDS:
            entry["tokens_per_s"] = {who: round(statistics.median(r["tokens_per_s"][who] for r in quiet), 2) for who in quiet[0]["tokens_per_s"]}
            best = max(v for who, v in entry["tokens_per_s"].items() if who != "zenith")
            entry["ratio_to_default"] = round(entry["tokens_per_s"]["zenith"] / entry["tokens_per_s"]["llama.cpp default"], 3)
            entry["ratio_to_best"] = round(entry["tokens_per_s"]["zenith"] / best, 3)
        cases[name] = entry
    return cases


def table(cases):
    names = ["zenith", *(f"llama.cpp {label}" for label in PEER_FLAGS)]
    print(f"{'tokens/s':24}" + "".join(f"{n:>20}" for n in names) + f"{'ratio':>8}{'to best':>9}")
    for name, c in cases.items():
        if "tokens_per_s" not in c:
            print(f"{name:24} no ratio: {c['quiet_rounds']} quiet rounds of at least {QUIET_ROUNDS}, foreign load up to {c['foreign_load_worst']:.0%}")
            continue
        print(f"{name:24}" + "".join(f"{c['tokens_per_s'][n]:20.1f}" for n in names) + f"{c['ratio_to_default']:8.2f}{c['ratio_to_best']:9.2f}")


def cpu_name():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    home = pathlib.Path(os.environ.get("ZENITH_HOME", pathlib.Path.home() / ".cache" / "zenith"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=home / "models" / "smollm2-135m" / "SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--zenith", default=ROOT / "build" / "release" / "bin" / "zenith")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", default=ROOT / "build" / "bench-text.json")
    args = parser.parse_args()
    args.peer = peer()
    runs, about = measure(args)
    cases = summary(runs)
    result = {"model": pathlib.Path(args.model).name, "threads": args.threads, "cpu": cpu_name(), "cores": os.cpu_count(),
              "foreign_limit": FOREIGN_LIMIT, "cases": cases, "runs": runs, **about}  # fmt: skip
    table(cases)
    pathlib.Path(args.out).write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    return 0 if all("tokens_per_s" in c for c in cases.values()) else 3


if __name__ == "__main__":
    sys.exit(main())
