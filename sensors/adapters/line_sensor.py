"""Numbers on standard input, one a line, as a sensor of a running Zenith.

usage: vmstat 1 | awk '{ print $15; fflush() }' | line_sensor.py --directory ipc:///run/zenith/router-1.sock --plugin lab --channel idle --unit %

The directory's socket lies in $ZENITH_RUN_DIR under the id of the router's service. A line that is no number is counted and left out.
"""
import argparse
import os
import select
import sys
import time

from zenith_adapter import Adapter


class Lines:
    """Whole lines of a file descriptor, without waiting."""

    def __init__(self, fd):
        self.fd, self.rest, self.bad, self.ended = fd, b"", 0, False
        os.set_blocking(fd, False)

    def __call__(self):
        measured = []
        while not self.ended and select.select([self.fd], [], [], 0)[0]:
            data = os.read(self.fd, 65536)
            self.ended = not data
            *lines, self.rest = (self.rest + data).split(b"\n")
            self.rest = self.rest[-4096:]
            for line in lines:
                try:
                    measured.append((time.monotonic_ns(), time.time_ns(), float(line)))
                except ValueError:
                    self.bad += 1
            if len(measured) >= 4096:
                break
        return measured


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--listen", help="default: a socket beside the directory's")
    parser.add_argument("--service", help="default: the plugin's name")
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--channel", required=True)
    parser.add_argument("--unit", required=True, help="UCUM")
    parser.add_argument("--rate-hz", type=float, default=0.0)
    options = parser.parse_args()
    service = options.service or options.plugin
    listen = options.listen or options.directory.rsplit("/", 1)[0] + f"/{service}.sock"
    adapter = Adapter(options.directory, listen, service, options.plugin, options.channel, options.unit, options.rate_hz)
    lines = Lines(sys.stdin.fileno())
    print(f"{adapter.sensor_id} at {listen}", flush=True)
    while not lines.ended:
        adapter.turn(lines)
    if lines.bad:
        print(f"{lines.bad} lines were no numbers", file=sys.stderr)


if __name__ == "__main__":
    main()
