#!/usr/bin/env python3
"""Text generation speed beside llama.cpp's: the same file, the same threads, in turns in one run.

    python3 bench/text_peer.py [--model FILE] [--threads N] [--rounds N] [--case NAME]… [--anyway] [--out build/bench-text.json]

The peer's tools come from $ZENITH_PEER (a folder that holds llama-bench and llama-batched-bench) or are built, unmodified, in
build/peer from the source package llama-cpp-python of PyPI with clang-19 and GGML_NATIVE=ON; that takes several minutes once.
A round runs each program once a case, the peer with its default flags and with each set that is best somewhere. Its foreign load is
the share of all cores that none of them used but somebody did; rounds above 10 % are shown and not counted, and without three quiet
rounds no ratio is printed and the exit status is 3. --anyway counts every round and says so: for trying the script, not for figures.
Prints a table, then one JSON object on the last line. Figures are medians of the counted rounds.
"""

import argparse
import json
import os
import pathlib
import platform
import resource
import selectors
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEER = "llama-cpp-python==0.3.36"
PEER_TOOLS = ("llama-bench", "llama-batched-bench")
FOREIGN_LIMIT = 0.10
QUIET_ROUNDS = 3
RUN_SECONDS = 600
PEER_FLAGS = {"default": [], "fa off": ["-fa", "0"], "kv q8_0": ["-fa", "1", "-ctk", "q8_0", "-ctv", "q8_0"]}
CASES = {  # name: prompt tokens, generated tokens, depth, sequences
    "prefill 512": (512, 0, 0, 1),
    "prefill 2048": (2048, 0, 0, 1),
    "decode, empty context": (0, 64, 0, 1),
    "decode at 1024": (0, 32, 1024, 1),
    "decode, batch 4": (0, 32, 32, 4),
    "decode, batch 16": (0, 32, 32, 16),
}
START, MEMORY = "start to ready", "memory, prefill 2048"
UNITS = {START: "ms", MEMORY: "times the file"}


def run(command, **options):
    return subprocess.run([str(c) for c in command], check=True, **options)


def output_of(command) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=RUN_SECONDS)
    if done.returncode != 0:
        sys.exit(f"text_peer.py: {command[0]} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def peer() -> pathlib.Path:
    """The folder with the peer's tools, built when it is not there."""
    if folder := os.environ.get("ZENITH_PEER"):
        return pathlib.Path(folder)
    home = ROOT / "build" / "peer"
    tools = home / "build" / "bin"
    if all((tools / name).exists() for name in PEER_TOOLS):
        return tools
    home.mkdir(parents=True, exist_ok=True)
    print(f"building the peer from {PEER} (log: {home}/build.log)", file=sys.stderr)
    with open(home / "build.log", "w") as log:
        quiet = {"stdout": log, "stderr": subprocess.STDOUT}
        if not list(home.glob("llama_cpp_python-*.tar.gz")):
            run([sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "llama-cpp-python", "-d", home, PEER], **quiet)
        archive = next(home.glob("llama_cpp_python-*.tar.gz"))
        run(["tar", "-C", home, "-xf", archive], **quiet)
        source = next(home.glob("llama_cpp_python-*/vendor/llama.cpp"))
        off = [f"-DLLAMA_{name}=OFF" for name in ("CURL", "BUILD_TESTS", "BUILD_EXAMPLES", "BUILD_SERVER")]
        run(["cmake", "-G", "Ninja", "-S", source, "-B", home / "build", "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=OFF",
             "-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_CXX_COMPILER=clang++-19", "-DGGML_NATIVE=ON", *off], **quiet)  # fmt: skip
        run(["cmake", "--build", home / "build", "--target", *PEER_TOOLS], **quiet)
    return tools


def cpu_seconds():
    """(seconds that all cores were busy, seconds that our finished children used)."""
    with open("/proc/stat") as stat:
        fields = [int(f) for f in stat.readline().split()[1:9]]
    busy = sum(fields) - fields[3] - fields[4]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return busy / os.sysconf("SC_CLK_TCK"), used.ru_utime + used.ru_stime


def ours(args, prompt, gen, depth, batch):
    command = [args.zenith, "bench", "text", args.model, "--threads", args.threads, "--prompt", prompt, "--gen", gen, "--depth", depth,
               "--batch", batch, "--repetitions", 1, "--json"]  # fmt: skip
    out = json.loads(output_of(command))
    args.about["kernels"] = out["kernels"]
    return out["decode_tokens_per_s" if gen else "prefill_tokens_per_s"], out["peak_rss_bytes"]


def theirs(args, flags, prompt, gen, depth, batch):
    if batch > 1:  # llama-bench knows one sequence only
        context = batch * (depth + gen + 32)
        command = [args.peer / "llama-batched-bench", "-m", args.model, "-t", args.threads, "-c", context, "-npp", depth, "-ntg", gen,
                   "-npl", batch, "--output-format", "jsonl", *batched_flags(flags)]  # fmt: skip
        rows = [json.loads(line) for line in output_of(command).splitlines() if line.startswith("{")]
        return rows[-1]["speed_tg"]
    command = [args.peer / "llama-bench", "-m", args.model, "-t", args.threads, "-p", prompt, "-n", gen, "-d", depth, "-r", 1, "-o", "json",
               *flags]  # fmt: skip
    rows = json.loads(output_of(command))
    args.about["llama.cpp"] = f"{rows[0]['build_commit']} {rows[0]['backends']}"
    return rows[0]["avg_ts"]


def batched_flags(flags):
    """llama-bench says 0 and 1 where the other tools say off and on."""
    return [{"0": "off", "1": "on"}.get(flag, flag) for flag in flags]


def start_to_ready(args) -> float:
    """Milliseconds from the start of a text service's process to its word that it is ready. The file is in the system's cache."""
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "zenith.toml"
        config.write_text(f'[links]\nrun_dir = "{folder}/run"\n')
        command = [args.zenith, "serve", "text", "--config", config, "--model", args.model, "--offline"]
        started = time.monotonic()
        with subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as service:
            try:
                return said_ready(service, started)
            finally:
                service.send_signal(signal.SIGTERM)
                try:
                    service.wait(20)
                except subprocess.TimeoutExpired:
                    service.kill()


def said_ready(service, started) -> float:
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(service.stdout, selectors.EVENT_READ)
        while b"is ready" not in said:
            if not selector.select(60 - (time.monotonic() - started)):
                sys.exit(f"text_peer.py: zenith serve text was not ready after 60 s and said: {said.decode()}")
            chunk = os.read(service.stdout.fileno(), 65536)
            if not chunk:
                sys.exit(f"text_peer.py: zenith serve text ended before it was ready and said: {said.decode()}")
            said += chunk
    return (time.monotonic() - started) * 1000


def one_round(args, name):
    if name == START:
        return {"zenith": start_to_ready(args)}
    if name == MEMORY:
        return {"zenith": ours(args, *CASES["prefill 2048"])[1] / os.path.getsize(args.model)}
    values = {"zenith": ours(args, *CASES[name])[0]}
    for label, flags in PEER_FLAGS.items():
        values[f"llama.cpp {label}"] = theirs(args, flags, *CASES[name])
    return values


def measure(args):
    cores, runs = os.cpu_count(), []
    for number in range(args.rounds):
        for name in args.case:
            started, (busy, used) = time.monotonic(), cpu_seconds()
            values = one_round(args, name)
            wall, (busy_now, used_now) = time.monotonic() - started, cpu_seconds()
            foreign = max(0.0, (busy_now - busy) - (used_now - used)) / (wall * cores)
            runs.append({"round": number, "case": name, "foreign_load": round(foreign, 3), "values": values})
            print(f"round {number + 1}, {name}: foreign load {foreign:.0%}", file=sys.stderr)
    return runs


def summary(runs, names, anyway):
    """The medians of a case's counted rounds and their ratios; only the count where too few are quiet."""
    cases = {}
    for name in names:
        mine = [r for r in runs if r["case"] == name]
        counted = mine if anyway else [r for r in mine if r["foreign_load"] <= FOREIGN_LIMIT]
        entry = {"unit": UNITS.get(name, "tokens/s"), "rounds_counted": len(counted), "foreign_load_worst": max(r["foreign_load"] for r in mine)}
        if counted and (anyway or len(counted) >= QUIET_ROUNDS):
            values = {who: statistics.median(r["values"][who] for r in counted) for who in counted[0]["values"]}
            entry["values"] = {who: round(value, 2) for who, value in values.items()}
            others = [value for who, value in values.items() if who != "zenith"]
            if others:
                entry["ratio_to_default"] = round(values["zenith"] / values["llama.cpp default"], 3)
                entry["ratio_to_best"] = round(values["zenith"] / max(others), 3)
        cases[name] = entry
    return cases


def table(cases, anyway):
    names = ["zenith", *(f"llama.cpp {label}" for label in PEER_FLAGS)]
    if anyway:
        print("EVERY ROUND COUNTED, however loaded the machine: no figures to quote")
    print(f"{'':24}" + "".join(f"{n:>20}" for n in names) + f"{'ratio':>8}{'to best':>9}")
    for name, c in cases.items():
        if "values" not in c:
            print(f"{name:24} no ratio: {c['rounds_counted']} quiet rounds of at least {QUIET_ROUNDS}, foreign load up to {c['foreign_load_worst']:.0%}")
        elif "ratio_to_best" not in c:
            print(f"{name:24}{c['values']['zenith']:20.2f} {c['unit']}")
        else:
            print(f"{name:24}" + "".join(f"{c['values'][n]:20.1f}" for n in names) + f"{c['ratio_to_default']:8.2f}{c['ratio_to_best']:9.2f}")


def cpu_name():
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    home = pathlib.Path(os.environ.get("ZENITH_HOME", pathlib.Path.home() / ".cache" / "zenith"))
    every = [*CASES, START, MEMORY]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=home / "models" / "smollm2-135m" / "SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--zenith", default=ROOT / "build" / "release" / "bin" / "zenith")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", action="append", choices=every, help="only this one; may be repeated")
    parser.add_argument("--anyway", action="store_true", help="count rounds under foreign load too: no figures to quote")
    parser.add_argument("--out", default=ROOT / "build" / "bench-text.json")
    args = parser.parse_args()
    args.case = args.case or every
    args.about = {}
    args.peer = peer()
    runs = measure(args)
    cases = summary(runs, args.case, args.anyway)
    result = {"model": pathlib.Path(args.model).name, "threads": args.threads, "cpu": cpu_name(), "cores": os.cpu_count(),
              "foreign_limit": FOREIGN_LIMIT, "anyway": args.anyway, "cases": cases, "runs": runs, **args.about}  # fmt: skip
    table(cases, args.anyway)
    pathlib.Path(args.out).write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    return 0 if all("values" in c for c in cases.values()) else 3


if __name__ == "__main__":
    sys.exit(main())
