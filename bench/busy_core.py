#!/usr/bin/env python3
"""What a core that another program keeps busy costs generation: both threads beside one busy loop, against one thread alone.

    python3 bench/busy_core.py [--model smollm2-135m] [--rounds 3] [--json]

share_of_one_thread: tokens a second with as many threads as cores while one core is kept busy, to those of one thread on a quiet machine.
Below 1 the second thread harms; far below, threads wait for one that has no core. Prints medians; JSON on the last line.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

import foreign_load

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXE = os.environ.get("ZENITH_EXE", str(ROOT / "build/release/bin/zenith"))
BUSY_LOOP = [sys.executable, "-c", "while True: pass"]


def speed(model, threads):
    done = subprocess.run([EXE, "bench", "text", model, "--threads", str(threads), "--prompt", "512", "--gen", "96", "--repetitions", "2",
                           "--json"], stdout=subprocess.PIPE, check=True, timeout=600)
    result = json.loads(done.stdout)
    return {name: result[name + "_tokens_per_s"] for name in ("prefill", "decode")}


def beside_a_busy_loop(model, threads):
    loop = subprocess.Popen(BUSY_LOOP)
    try:
        return speed(model, threads)
    finally:
        loop.kill()
        loop.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--anyway", action="store_true", help="measure on a busy machine too; such figures compare nothing")
    parser.add_argument("--json", action="store_true", help="only the last line")
    options = parser.parse_args()
    if why := foreign_load.too_much(options.anyway):
        print(why, file=sys.stderr)
        return 3
    cores, rounds = len(os.sched_getaffinity(0)), []
    with foreign_load.Meter() as meter:
        for number in range(options.rounds):
            rounds.append({"one_thread": speed(options.model, 1), "all_threads": speed(options.model, cores),
                           "beside_a_busy_loop": beside_a_busy_loop(options.model, cores)})
            if not options.json:
                print(f"round {number + 1}: {json.dumps(rounds[-1])}")
    result = {"model": options.model, "cores": cores, "foreign_load": round(meter.foreign, 3)}
    for phase in ("prefill", "decode"):
        medians = {case: statistics.median(r[case][phase] for r in rounds) for case in rounds[0]}
        result[phase] = {**{case: round(value, 1) for case, value in medians.items()},
                         "share_of_one_thread": round(medians["beside_a_busy_loop"] / medians["one_thread"], 3)}
    print(json.dumps(result))
    return 0 if options.anyway or meter.foreign <= foreign_load.LIMIT else 3


if __name__ == "__main__":
    sys.exit(main())
