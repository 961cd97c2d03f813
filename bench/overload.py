"""Four times as many clients as the service takes: how much still gets done, how fast the rest is refused, how much memory it costs.

usage: ZENITH_EXE=build/release/bin/zenith overload.py [--seconds 5]   Prints JSON.
goodput_ratio: answers a second under overload, to those when nobody is refused. A refused client waits as it was told, at most 0.2 s here.
"""
import argparse
import json
import pathlib
import statistics
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
import placements  # noqa: E402

TINY = ROOT / "tests/data/parity/tiny-llama.gguf"
SEQUENCES, QUEUE = 4, 4
CONFIG = (f'[[service]]\nrole = "router"\nid = "router"\n[[service]]\nrole = "text"\nid = "text"\nmodel = "{TINY}"\n'
          f'sequences = {SEQUENCES}\nqueue = {QUEUE}\n[[service]]\nrole = "gateway"\nid = "gateway"\n')


def resident_mib(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


def load(placement, clients, seconds):
    done, refused, untold, other = [], [], 0, 0
    end, lock = time.monotonic() + seconds, threading.Lock()

    def client(i):
        nonlocal untold, other
        while time.monotonic() < end:
            start = time.monotonic()
            status, _, headers = placement.post("/v1/completions", {"model": str(TINY), "prompt": f"client {i}", "max_tokens": 120,
                                                                    "ignore_eos": True, "temperature": 0})
            took = time.monotonic() - start
            with lock:
                if status == 200:
                    done.append(took)
                elif status in (429, 503):
                    refused.append(took)
                    untold += headers["Retry-After"] is None
                else:
                    other += 1
            if status != 200:
                time.sleep(0.2)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done) / seconds, refused, untold, other


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    seconds = parser.parse_args().seconds
    with placements.three_processes(1, CONFIG) as placement:
        placement.wait_ready(1)
        full = SEQUENCES + QUEUE
        load(placement, full, 1)
        peak = load(placement, full, seconds)[0]
        pids = {name: p.popen.pid for name, p in placement.processes.items()}
        before = {name: resident_mib(pid) for name, pid in pids.items()}
        goodput, refused, untold, other = load(placement, 4 * full, seconds)
        growth = max(resident_mib(pid) - before[name] for name, pid in pids.items())
    refused.sort()
    print(json.dumps({
        "peak_per_s": round(peak, 1), "goodput_per_s": round(goodput, 1), "goodput_ratio": round(goodput / peak, 3),
        "refused": len(refused), "refused_p50_ms": round(statistics.median(refused) * 1e3, 2) if refused else None,
        "refused_p99_ms": round(refused[int(len(refused) * 0.99) - 1] * 1e3, 2) if refused else None,
        "refused_without_retry_after": untold, "other_errors": other, "memory_growth_mib": round(growth, 1)}))


if __name__ == "__main__":
    main()
