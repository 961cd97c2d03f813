"""Runs the client tests against the gateway over a scripted engine: with_fake.py FAKE_ZENITH [pytest arguments]."""

import pathlib
import signal
import subprocess
import sys


def main():
    server = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip()
        folder = str(pathlib.Path(__file__).parent)
        tests = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder, "--base-url", url, *sys.argv[2:]])
        server.send_signal(signal.SIGTERM)
        drained = server.wait(timeout=15)
    finally:
        server.kill()
    if drained != 0:
        print(f"the server ended with {drained} after SIGTERM", file=sys.stderr)
    return tests.returncode or drained


if __name__ == "__main__":
    sys.exit(main())
