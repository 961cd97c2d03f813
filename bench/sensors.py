"""A steady sensor through to its subscribers: what arrives, what is lost, how late, at what cost.

usage: sensors.py [--rate 1000] [--seconds 10] [--subscribers 1] [--anyway]   Prints one JSON object.
The plugin `test` counts at a steady rate in a process of its own; subscribers read /v1/sensors/test.counter/frames as events. `lost` are
numbers that a subscriber did not get and `untold` those of them that no frame told; a frame's lateness is from its own time to its line.
The foreign load is the share of all cores that somebody else used meanwhile: above 10 % nothing is said of times and the exit status is 3,
unless --anyway.
"""
import argparse
import http.client
import json
import os
import pathlib
import statistics
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("ZENITH_EXE", str(ROOT / "build/release/bin/zenith"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
import placements  # noqa: E402

FOREIGN_LIMIT = 0.10
SENSOR = "test.counter"


def config(rate):
    services = "".join(f'[[service]]\nrole = "{role}"\nid = "{role}"\n' for role in ("router", "gateway"))
    options = json.dumps({"rate_hz": rate})
    return services + f"[[service]]\nrole = \"sensor\"\nid = \"counter\"\nplugin = \"test\"\noptions = '{options}'\n"


def tree(pid):
    """It and its children."""
    pids = [pid]
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                pids.append(int(path.parent.name))
        except OSError:
            continue
    return pids


def cpu_seconds(pids):
    """Of the whole machine, of each of these."""
    tick = os.sysconf("SC_CLK_TCK")
    whole = [int(v) for v in open("/proc/stat").readline().split()[1:9]]
    each = {}
    for pid in pids:
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        each[pid] = (int(fields[11]) + int(fields[12])) / tick
    return (sum(whole) - whole[3] - whole[4]) / tick, each


def memory_mib(pid):
    rollup = dict(line.split(":", 1) for line in open(f"/proc/{pid}/smaps_rollup").read().splitlines()[1:])
    return {name.lower(): round(int(rollup[name].split()[0]) / 1024, 2) for name in ("Rss", "Pss", "Private_Dirty")}


class Subscriber(threading.Thread):
    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.seen, self.late_ms, self.told, self.stop = port, [], [], 0, False
        self.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", f"/v1/sensors/{SENSOR}/frames")
        for line in connection.getresponse():
            if self.stop:
                return
            if not line.startswith(b"data: "):
                continue
            now, frame = time.monotonic_ns(), json.loads(line[6:])
            self.seen.append(frame["seq"])
            self.late_ms.append((now - frame["t_ns"]) / 1e6)
            if "lost" in frame:
                self.told += frame["lost"]["last"] - frame["lost"]["first"] + 1

    def summary(self, seconds):
        missing = sum(b - a - 1 for a, b in zip(self.seen, self.seen[1:]))
        late = statistics.quantiles(self.late_ms, n=100)
        return {"frames": len(self.seen), "frames_per_s": round(len(self.seen) / seconds, 1), "lost": missing,
                "untold": missing - self.told, "late_p50_ms": round(late[49], 2), "late_p99_ms": round(late[98], 2)}


def ready(placement, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            listed = json.loads(placement.get("/v1/sensors")[1])["sensors"]
        except OSError:
            listed = []
        if any(s["id"] == SENSOR and s["status"] == "ready" for s in listed):
            return
        time.sleep(0.05)
    raise SystemExit(f"the sensor was not ready after {seconds} s:\n{placement.log()[-2000:]}")


def measure(args):
    placement = placements.Placement(config(args.rate))
    placement.wait_ready = lambda: ready(placement)
    with placement:
        pids = [os.getpid(), *tree(placement.processes["zenith"].popen.pid)]
        subscribers = [Subscriber(placement.port) for _ in range(args.subscribers)]
        while not all(s.seen for s in subscribers):
            time.sleep(0.01)
        began, (busy, used) = time.monotonic(), cpu_seconds(pids)
        firsts = [len(s.seen) for s in subscribers]
        time.sleep(args.seconds)
        (busy_then, used_then), took = cpu_seconds(pids), time.monotonic() - began
        for s, first in zip(subscribers, firsts):
            s.stop = True
            s.seen, s.late_ms = s.seen[first:], s.late_ms[first:]
        spent = {pid: used_then[pid] - used[pid] for pid in pids}
        foreign = max(0.0, busy_then - busy - sum(spent.values())) / (took * os.cpu_count())
        _, zenith, *hosts = pids
        return {"rate_hz": args.rate, "seconds": round(took, 2), "foreign_load": round(foreign, 3),
                "subscribers": [s.summary(took) for s in subscribers], "zenith_cpu": round(spent[zenith] / took, 3),
                "sensor_host_cpu": round(sum(spent[pid] for pid in hosts) / took, 3), "sensor_host_memory_mib": [memory_mib(pid) for pid in hosts]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--subscribers", type=int, default=1)
    parser.add_argument("--anyway", action="store_true", help="also on a machine that others use")
    args = parser.parse_args()
    result = measure(args)
    quiet = result["foreign_load"] <= FOREIGN_LIMIT
    if not quiet and not args.anyway:
        print(f"others used {result['foreign_load']:.0%} of this machine, the limit is {FOREIGN_LIMIT:.0%}: nothing is said (--anyway does)",
              file=sys.stderr)
        return 3
    print(json.dumps({**result, "quiet": quiet}))
    return 0 if all(s["untold"] == 0 for s in result["subscribers"]) else 1


if __name__ == "__main__":
    sys.exit(main())
