"""Zenith in several placements, each a set of processes: what the placement, fault and drain tests start."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time

EXE = os.environ.get("ZENITH_EXE", "build/release/bin/zenith")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def still_proc(folder):
    """A /proc that does not change: what telemetry says of it is known."""
    root = pathlib.Path(folder)
    for folder in ("pressure", "net"):
        (root / folder).mkdir(exist_ok=True)
    (root / "stat").write_text("cpu  100 0 50 800 50 0 0 0 0 0\n")
    (root / "meminfo").write_text("MemTotal: 4096 kB\nMemFree: 10 kB\nMemAvailable: 1024 kB\nSwapTotal: 100 kB\nSwapFree: 40 kB\n")
    (root / "loadavg").write_text("0.50 0.25 0.125 1/100 4242\n")
    (root / "net" / "dev").write_text("h\nh\n eth0: 1000 0 0 0 0 0 0 0 2000 0 0 0 0 0 0 0\n lo: 9 0 0 0 0 0 0 0 9 0 0 0 0 0 0 0\n")
    for name in ("cpu", "memory", "io"):
        (root / "pressure" / name).write_text("some avg10=12.50 avg60=0 avg300=0 total=1\n")
    return root


class Process:
    """One `zenith serve`; its log is kept, and shown when something goes wrong."""

    def __init__(self, name, arguments, environment):
        self.name, self.arguments, self.environment = name, arguments, environment
        self.lines = []
        self.start()

    def start(self):
        self.popen = subprocess.Popen([EXE, "serve", "--offline", *self.arguments], env={**os.environ, **self.environment},
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        threading.Thread(target=self.read, args=(self.popen,), daemon=True).start()

    def read(self, popen):
        for line in popen.stdout:
            self.lines.append(line)
        popen.stdout.close()

    def kill(self, number=signal.SIGKILL):
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def end(self, seconds=40):
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            return None

    def restart(self):
        self.kill()
        self.popen.wait()
        self.start()


class Placement:
    """Processes by name; `url` is the gateway's. Use as a context."""

    def __init__(self, config="", order=(), single=(), environment=None):
        self.folder = tempfile.TemporaryDirectory(prefix="zenith-")
        root = pathlib.Path(self.folder.name)
        self.root, self.port = root, free_port()
        self.environment = {"ZENITH_RUN_DIR": str(root / "run"), "ZENITH_CURVE_DIR": str(root / "keys"), **(environment or {})}
        self.config = root / "zenith.toml"
        self.config.write_text(config)
        self.order, self.single = order, single
        self.processes = {}

    def __enter__(self):
        for name, *arguments in self.order or [("zenith", *self.single)]:
            self.add(name, *arguments)
        self.wait_ready()
        return self

    def add(self, name, *arguments):
        listen = ["--listen", f"127.0.0.1:{self.port}"] if not self.order or "gateway" in arguments else []
        self.processes[name] = Process(name, [*arguments, "--config", str(self.config), *listen], self.environment)
        return self.processes[name]

    def __exit__(self, *_):
        for process in self.processes.values():
            process.kill(signal.SIGCONT)
            process.kill(signal.SIGTERM)
        self.codes = {name: process.end() for name, process in self.processes.items()}
        with contextlib.suppress(OSError):
            self.folder.cleanup()

    def log(self):
        return "".join(f"[{name}] {line}" for name, p in self.processes.items() for line in p.lines)

    def get(self, path, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, body

    def post(self, path, body, timeout=120):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        return response.status, json.loads(answer), response.headers

    def stream(self, path, body, timeout=120):
        """Yields (seconds since the request, chunk) up to [DONE]; an error event ends it and is the last chunk."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        started = time.monotonic()
        connection.request("POST", path, json.dumps({**body, "stream": True}), {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            yield time.monotonic() - started, json.loads(response.read())
            return
        for line in response:
            if line.startswith(b"data: ") and line.strip() != b"data: [DONE]":
                yield time.monotonic() - started, json.loads(line[6:])
        connection.close()

    def services(self):
        status, body = self.get("/readyz")
        return status, json.loads(body)

    def wait_ready(self, wanted=None, seconds=60):
        """Until /readyz says 200 and, with `wanted`, so many services are ready."""
        end = time.monotonic() + seconds
        last = "nothing answered"
        while time.monotonic() < end:
            dead = [p.name for p in self.processes.values() if p.popen.poll() is not None]
            assert not dead or wanted, f"{dead} ended:\n{self.log()}"
            with contextlib.suppress(OSError, ValueError):
                status, body = self.services()
                last = body
                ready = sum(s["status"] == "ready" and s["model"] is not None for s in body.get("services", []))
                if status == 200 and (wanted is None or ready >= wanted):
                    return
            time.sleep(0.05)
        raise AssertionError(f"not ready: {last}\n{self.log()}")


MODELS = 'model = ["smollm2-135m", "minilm-l6"]\n'

IPC = f'[[service]]\nrole = "router"\nid = "router"\n[[service]]\nrole = "text"\nid = "text"\n{MODELS}[[service]]\nrole = "gateway"\nid = "gateway"\n'


def three_processes(texts=1, config=IPC, environment=None):
    """Gateway, router and `texts` text services over ipc; the gateway starts first: any may."""
    order = [("gateway", "gateway"), *((f"text{i}", "text") for i in range(texts)), ("router", "router")]
    return Placement(config, order, environment=environment)
