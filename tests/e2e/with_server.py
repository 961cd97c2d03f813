"""Starts `zenith serve` on a free port, runs a command against it, stops it by SIGTERM and checks that it drained and exited 0.

usage: with_server.py --zenith build/release/bin/zenith [--serve-arg=ARG …] -- COMMAND [ARG …]
In COMMAND, {url}, {port} and {pid} are replaced. The exit status is the command's, or 1 when the server did not start or end well.
"""
import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_ready(base, process, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            return f"the server ended with status {process.returncode} before it was ready"
        try:
            with urllib.request.urlopen(base + "/readyz", timeout=2) as response:
                if json.load(response)["status"] == "ready":
                    return None
        except (urllib.error.URLError, OSError, ValueError):
            pass
        time.sleep(0.05)
    return f"the server was not ready after {seconds} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zenith", required=True)
    parser.add_argument("--serve-arg", action="append", default=[])
    parser.add_argument("--ready-seconds", type=float, default=60)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()

    port = free_port()
    base = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([options.zenith, "serve", "--offline", "--listen", f"127.0.0.1:{port}", *options.serve_arg],
                              stdin=subprocess.DEVNULL)
    try:
        problem = wait_ready(base, server, options.ready_seconds)
        if problem:
            print(problem, file=sys.stderr)
            return 1
        values = {"{url}": base, "{port}": str(port), "{pid}": str(server.pid)}
        command = [next((arg.replace(k, v) for k, v in values.items() if k in arg), arg) for arg in options.command]
        status = subprocess.run(command, env={**os.environ, "ZENITH_URL": base}, check=False).returncode
        if server.poll() is not None:
            print(f"the server ended with status {server.returncode} while the command ran", file=sys.stderr)
            return 1
        server.send_signal(signal.SIGTERM)
        try:
            drained = server.wait(60)
        except subprocess.TimeoutExpired:
            print("the server did not end within 60 s of SIGTERM", file=sys.stderr)
            return 1
        if drained != 0:
            print(f"the server ended with status {drained} after SIGTERM, 0 was expected", file=sys.stderr)
            return 1
        return status
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


if __name__ == "__main__":
    sys.exit(main())
