"""How much of the machine somebody else used while something was measured: a benchmark beside other work says nothing."""
import os
import pathlib
import resource
import time

LIMIT = 0.10
TICKS = os.sysconf("SC_CLK_TCK")


def machine_seconds():
    fields = [int(f) for f in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


def family(root):
    """The pids of a process and of all that descend from it."""
    parents = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    found, more = set(), {root}
    while more:
        found |= more
        more = {pid for pid, parent in parents.items() if parent in more} - found
    return found


def cpu_seconds(pid):
    """Of its threads, those that have ended included; 0 when it has gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


class Meter:
    """`with Meter() as m:` then m.wall, m.ours (CPU seconds of this process and its descendants), m.foreign (a share of all cores)."""

    def __enter__(self):
        self.before = {pid: cpu_seconds(pid) for pid in family(os.getpid())}
        self.ended = self.of_ended()
        self.machine, self.began = machine_seconds(), time.monotonic()
        return self

    @staticmethod
    def of_ended():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def __exit__(self, *_):
        self.wall, machine = time.monotonic() - self.began, machine_seconds() - self.machine
        self.ours = sum(cpu_seconds(pid) - self.before.get(pid, 0.0) for pid in family(os.getpid())) + self.of_ended() - self.ended
        self.foreign = max(0.0, machine - self.ours) / (self.wall * os.cpu_count())


def too_much(anyway, seconds=2.0):
    """What to say instead of measuring; None when the machine is quiet enough."""
    with Meter() as meter:
        time.sleep(seconds)
    if anyway or meter.foreign <= LIMIT:
        return None
    return f"others use {meter.foreign:.0%} of the machine, at most {LIMIT:.0%} may: wait, or --anyway"
