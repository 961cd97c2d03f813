"""Runs the client tests against the gateway over a scripted engine: with_fake.py FAKE_ZENITH [--tls] [pytest arguments]."""

import pathlib
import signal
import subprocess
import sys
import tempfile

from certificate import make_certificate


def run(exe, server_arguments, pytest_arguments):
    server = subprocess.Popen([exe, *server_arguments], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip()
        folder = str(pathlib.Path(__file__).parent)
        tests = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder, "--base-url", url, *pytest_arguments])
        server.send_signal(signal.SIGTERM)
        drained = server.wait(timeout=15)
    finally:
        server.kill()
    if drained != 0:
        print(f"the server ended with {drained} after SIGTERM", file=sys.stderr)
    return tests.returncode or drained


def main():
    exe, rest = sys.argv[1], sys.argv[2:]
    if "--tls" not in rest:
        return run(exe, [], rest)
    rest.remove("--tls")
    with tempfile.TemporaryDirectory() as folder:
        ca, cert, key = make_certificate(folder)
        return run(exe, ["--tls", str(cert), str(key)], ["--ca", str(ca), *rest])


if __name__ == "__main__":
    sys.exit(main())
