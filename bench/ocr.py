#!/usr/bin/env python3
"""How long a screenshot of 1280 x 800 takes to read, beside rapidocr-onnxruntime on the same pictures and weights, in turns in one run.

    ZENITH_EXE=build/release/bin/zenith .venv/bin/python bench/ocr.py [--rounds 7] [--peer PYTHON] [--anyway]

Ours is POST /v1/vision/ocr of `zenith serve`: HTTP, the way to the child that reads and back are part of it. The peer is called in its own
process with as many threads as ours has, when PYTHON (default: .venv-parity's, made by `make parity`) has it. The first reading of a picture is
told apart: its lines have widths that the graphs have not met. A round's foreign load is the share of all cores that neither used but
somebody did; rounds above 10 % are not counted, and without three quiet ones the exit status is 3 and no figure is given, unless --anyway.
Prints JSON; seconds are medians.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import placements  # noqa: E402

DATA = ROOT / "tests/data/vision"
SCREENS = ("ui_page.png", "screen_dark.png", "screen_mail.png")
FOREIGN_LIMIT, QUIET_ROUNDS, LIMIT_S = 0.10, 3, 1.5
THREADS = min(2, len(os.sched_getaffinity(0)))  # that ours reads with: mediahost/src/main.cpp
CONFIG = "".join(f'[[service]]\nrole = "{role}"\nid = "{role}"\n' for role in ("router", "gateway")) + (
    '[[service]]\nrole = "vision"\nid = "vision"\nmodel = "ppocr-v4"\n')
PEER = """
import sys, time
from rapidocr_onnxruntime import RapidOCR
engine = RapidOCR(intra_op_num_threads=int(sys.argv[1]), inter_op_num_threads=1)
print("ready", flush=True)
for path in sys.stdin:
    started = time.perf_counter()
    lines, _ = engine(path.strip())
    print(time.perf_counter() - started, len(lines or []), flush=True)
"""


class Peer:
    def __init__(self, python):
        self.popen = subprocess.Popen([python, "-c", PEER, str(THREADS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.is_there = self.popen.stdout.readline().strip() == "ready"

    def read(self, path):
        self.popen.stdin.write(f"{path}\n")
        self.popen.stdin.flush()
        return float(self.popen.stdout.readline().split()[0])

    def close(self):
        self.popen.stdin.close()
        self.popen.wait()


def used_by(pids):
    """CPU seconds of these processes and all below them, and of ended children."""
    table = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            table[int(entry.name)] = (int(fields[1]), sum(int(f) for f in fields[11:15]))
    mine = set(pids)
    while more := {pid for pid, (parent, _) in table.items() if parent in mine} - mine:
        mine |= more
    return sum(table[pid][1] for pid in mine if pid in table) / os.sysconf("SC_CLK_TCK")


def busy_cores():
    fields = [int(f) for f in open("/proc/stat").readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def ours(url, path):
    raw = path.read_bytes()
    started = time.perf_counter()
    answer = httpx.post(f"{url}/v1/vision/ocr", files={"file": (path.name, raw, "image/png")}, timeout=300)
    took = time.perf_counter() - started
    answer.raise_for_status()
    return took


def measure(url, peer, rounds):
    runs = []
    for number in range(rounds + 1):  # the first is the one with new widths
        for name in SCREENS:
            started, busy, used = time.monotonic(), busy_cores(), used_by([os.getpid()])
            seconds = {"zenith": ours(url, DATA / name)}
            if peer.is_there:
                seconds["rapidocr"] = peer.read(DATA / name)
            spent = busy_cores() - busy - (used_by([os.getpid()]) - used)
            foreign = max(0.0, spent) / ((time.monotonic() - started) * os.cpu_count())
            runs.append({"round": number, "picture": name, "foreign_load": round(foreign, 3), "seconds": seconds})
            print(f"round {number}, {name}: foreign load {foreign:.0%}", file=sys.stderr)
    return runs


def summary(runs, anyway):
    pictures = {}
    for name in SCREENS:
        mine = [r for r in runs if r["picture"] == name]
        counted = [r for r in mine[1:] if anyway or r["foreign_load"] <= FOREIGN_LIMIT]
        entry = {"rounds": len(counted), "foreign_load_worst": max(r["foreign_load"] for r in mine)}
        if len(counted) >= QUIET_ROUNDS:
            entry["seconds"] = {who: round(statistics.median(r["seconds"][who] for r in counted), 3) for who in counted[0]["seconds"]}
            entry["first"] = {who: round(value, 3) for who, value in mine[0]["seconds"].items()}
            entry["first_foreign_load"] = mine[0]["foreign_load"]
        pictures[name] = entry
    return pictures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peer", default=str(ROOT / ".venv-parity/bin/python3"), metavar="PYTHON")
    parser.add_argument("--anyway", action="store_true", help="count loaded rounds, too: for trying it out")
    args = parser.parse_args()
    with placements.Placement(CONFIG) as placement:
        placement.wait_ready(wanted=2, seconds=180)
        peer = Peer(args.peer if pathlib.Path(args.peer).exists() else sys.executable)
        try:
            runs = measure(f"http://127.0.0.1:{placement.port}", peer, args.rounds)
        finally:
            peer.close()
    pictures = summary(runs, args.anyway)
    enough = all("seconds" in entry for entry in pictures.values())
    print(json.dumps({"limit_s": LIMIT_S, "threads": THREADS, "foreign_limit": FOREIGN_LIMIT, "anyway": args.anyway, "peer": peer.is_there, "pictures": pictures,
                      "within": enough and all(entry["seconds"]["zenith"] <= LIMIT_S for entry in pictures.values())}))
    return 0 if enough else 3


if __name__ == "__main__":
    sys.exit(main())
