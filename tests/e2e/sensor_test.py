"""Sensors end to end: plugins in processes of their own, frames over SSE, kills, hangs, lies, windows, loading at run time."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import websockets.exceptions
import websockets.sync.client

import placements

BUILD = pathlib.Path(os.environ["ZENITH_BUILD_DIR"])
BAD = BUILD / "tests" / "sensors" / "bad"
PROC = tempfile.TemporaryDirectory(prefix="zenith-proc-")


def service(name, plugin, options=None):
    text = f'[[service]]\nrole = "sensor"\nid = "{name}"\nplugin = "{plugin}"\n'
    return text + (f"options = '{json.dumps(options)}'\n" if options else "")


CONFIG = ("[sensors]\nload = true\n" + placements.IPC + service("counter", "test") +
          service("telemetry", "host_telemetry", {"root": str(placements.still_proc(PROC.name)), "period_ms": 50}) +
          service("wild", BAD / "crash_read.so") + service("foreign", BAD / "other_abi.so"))


def hosts_of(parent):
    """{plugin: pid} of its zenith-sensor-hosts."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, rest = path.read_text().rsplit(")", 1)
            if "zenith-sensor-h" in name and int(rest.split()[1]) == parent:
                maps = (path.parent / "maps").read_text()
                for plugin in ("test.so", "host_telemetry.so", "crash_read.so", "good.so"):
                    if "/" + plugin in maps:
                        found[plugin] = int(path.parent.name)
    return found


def assert_quiet_end(placement):
    """A regular end is no failure: nothing in the log says so once the draining has begun."""
    end = placement.log()
    end = end[end.rindex("component=serve msg=draining"):]
    assert "level=error" not in end, end


class Stream(threading.Thread):
    """Frames of one sensor, kept with the time they came."""

    def __init__(self, port, sensor, query=""):
        super().__init__(daemon=True)
        self.port, self.path = port, f"/v1/sensors/{sensor}/frames{query}"
        self.frames, self.errors, self.ended, self.stop = [], [], False, False
        self.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        connection.request("GET", self.path)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        event = None
        for line in response:
            if self.stop:
                break
            if line.startswith(b"event: "):
                event = line[7:].strip()
            if line.startswith(b"data: "):
                (self.errors if event == b"error" else self.frames).append({**json.loads(line[6:]), "at": time.monotonic()})
        self.ended = True
        connection.close()

    def wait(self, enough, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if enough(self.frames):
                return True
            time.sleep(0.02)
        return False


class Sensors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.placement = placements.Placement(CONFIG, environment={"ZENITH_LOG_LEVEL": "info"})
        cls.placement.__enter__()
        cls.port = cls.placement.port
        cls.zenith = cls.placement.processes["zenith"].popen.pid
        cls.wait_sensor("test.counter", "ready", 30)
        cls.wait_sensor("host.cpu", "ready", 30)

    @classmethod
    def tearDownClass(cls):
        hosts = hosts_of(cls.zenith)
        cls.placement.__exit__()
        assert cls.placement.codes == {"zenith": 0}, (cls.placement.codes, cls.placement.log()[-4000:])
        assert not any(pathlib.Path(f"/proc/{pid}").exists() for pid in hosts.values()), "a sensor's process outlived zenith"
        assert_quiet_end(cls.placement)

    @classmethod
    def get(cls, path):
        status, body = cls.placement.get(path)
        return status, json.loads(body)

    @classmethod
    def sensors(cls):
        return {s["id"]: s for s in cls.get("/v1/sensors")[1]["sensors"]}

    @classmethod
    def wait_sensor(cls, name, status, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if cls.sensors().get(name, {}).get("status") == status:
                return
            time.sleep(0.02)
        raise AssertionError(f"{name} is not {status}: {cls.sensors()}\n{cls.placement.log()[-4000:]}")

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"Content-Type": "application/json"} if body is not None else {})
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        return response.status, answer

    def test_what_there_is(self):
        sensors = self.sensors()
        self.assertTrue({"host.cpu", "host.memory", "host.load", "host.pressure", "host.network", "test.counter"} <= set(sensors))
        self.assertEqual(sensors["host.memory"]["plugin"], "host")
        self.assertEqual(sensors["host.memory"]["channels"], [{"name": "memory", "unit": "By", "dtype": "u64", "shape": [4],
                                                               "labels": ["used", "available", "total", "swap used"], "rate_hz": 1,
                                                               "policy": "drop_oldest"}])
        self.assertEqual(self.get("/v1/sensors/host.load")[1]["channels"][0]["unit"], "1")
        models = {m["id"] for m in self.get("/v1/models")[1]["data"]}
        self.assertNotIn("host.cpu", models)
        self.assertEqual(self.get("/readyz")[0], 200, "a plugin that fails does not make the system unready")

    def test_telemetry_says_what_proc_says(self):
        stream = Stream(self.port, "host.memory")
        load = Stream(self.port, "host.load")
        self.assertTrue(stream.wait(lambda f: len(f) > 3, 20))
        self.assertEqual(stream.frames[0]["values"], [3 * 2**20, 2**20, 2**22, 60 * 1024])
        self.assertTrue(load.wait(lambda f: len(f) > 3, 20))
        self.assertEqual(load.frames[0]["values"], [0.5, 0.25, 0.125])
        self.assertEqual(load.frames[0]["flags"], [])
        frame = load.frames[0]
        self.assertLess(abs(frame["wall_ns"] / 1e9 - time.time()), 60)
        self.assertLess(abs(frame["t_ns"] / 1e9 - time.monotonic()), 60)

    def test_thousands_at_a_thousand_a_second_and_none_is_lost(self):
        stream = Stream(self.port, "test.counter")
        self.assertTrue(stream.wait(lambda f: len(f) >= 5000, 120))
        frames = list(stream.frames)
        stream.stop = True
        numbers = [f["seq"] for f in frames]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        self.assertFalse([f for f in frames if "gap" in f["flags"] or "lost" in f])
        self.assertTrue(all(f["flags"] == ["simulated"] for f in frames))
        values = [f["values"][0] for f in frames]
        self.assertEqual([v - values[0] for v in values], [n - numbers[0] for n in numbers])
        self.assertEqual([f["t_ns"] for f in frames[1000::1000]], [frames[0]["t_ns"] + n * 10**9 for n in range(1, len(frames[1000::1000]) + 1)],
                         "a thousand numbers are a second of the sensor's")

    def test_frames_over_a_websocket(self):
        url = f"ws://127.0.0.1:{self.port}/v1/sensors/test.counter/frames"
        with websockets.sync.client.connect(url) as socket_:
            frames = [json.loads(socket_.recv(timeout=30)) for _ in range(2000)]
            numbers = [f["seq"] for f in frames]
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
            self.assertEqual(set(frames[0]), {"sensor_id", "seq", "t_ns", "wall_ns", "flags", "values"})
            socket_.send("hello")
            while "error" not in (answer := json.loads(socket_.recv(timeout=30))):
                self.assertIn("seq", answer)
            self.assertIn("takes no messages", answer["error"]["message"])
            self.assertIn("seq", json.loads(socket_.recv(timeout=30)), "and goes on")
        with websockets.sync.client.connect(f"{url}?since={numbers[-1]}&rate=50") as socket_:
            self.assertGreater(json.loads(socket_.recv(timeout=30))["seq"], numbers[-1])
        for query, status, param in (("test.counter/frames?since=x", 400, "since"), ("nobody/frames", 404, "sensor_id")):
            with self.assertRaises(websockets.exceptions.InvalidStatus) as refused:
                websockets.sync.client.connect(f"ws://127.0.0.1:{self.port}/v1/sensors/{query}")
            response = refused.exception.response
            self.assertEqual((response.status_code, json.loads(response.body)["error"]["param"]), (status, param))

    def test_kill_9_is_a_gap_with_its_numbers_and_nothing_else_notices(self):
        self.wait_sensor("test.counter", "ready", 30)
        counter, other = Stream(self.port, "test.counter"), Stream(self.port, "host.load")
        self.assertTrue(counter.wait(lambda f: len(f) > 200, 20) and other.wait(lambda f: len(f) > 3, 20))
        victim = hosts_of(self.zenith)["test.so"]
        had = len(counter.frames)
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        self.assertTrue(counter.wait(lambda f: any("lost" in x for x in f[had:]), 20), "it did not come back")
        self.assertTrue(counter.wait(lambda f: len(f) > had + 500, 20))
        frames = counter.frames
        at = next(i for i, f in enumerate(frames) if i >= had and "lost" in f)
        back = frames[at]["at"] - killed
        print(f"\nback {back * 1000:.0f} ms after kill -9, lost {frames[at]['lost']}")
        self.assertLess(back, 2)
        self.assertIn("gap", frames[at]["flags"])
        self.assertEqual(frames[at]["lost"], {"first": frames[at - 1]["seq"] + 1, "last": frames[at]["seq"] - 1})
        missed = frames[at]["seq"] - frames[at - 1]["seq"] - 1
        away = (frames[at]["t_ns"] - frames[at - 1]["t_ns"]) / 1e9
        self.assertAlmostEqual(missed / 1000, away, delta=0.2, msg="the numbers leave room for what its rate says was missed")
        for i in (range(1, at), range(at + 1, len(frames))):
            self.assertTrue(all(frames[n]["seq"] == frames[n - 1]["seq"] + 1 for n in i))
        around = [f for f in other.frames if abs(f["at"] - killed) < 3]
        self.assertTrue(all(b["seq"] == a["seq"] + 1 for a, b in zip(around, around[1:])))
        self.assertLess(max(b["at"] - a["at"] for a, b in zip(around, around[1:])), 1.0, "the other stream stood still")
        self.assertFalse(counter.errors or other.errors)
        counter.stop = other.stop = True

    def test_since_and_last_event_id_and_rate(self):
        stream = Stream(self.port, "test.counter")
        self.assertTrue(stream.wait(lambda f: len(f) > 50, 20))
        first = stream.frames[20]["seq"]
        stream.stop = True
        again = Stream(self.port, "test.counter", f"?since={first}")
        self.assertTrue(again.wait(lambda f: len(f) > 50, 20))
        self.assertEqual(again.frames[0]["seq"], first + 1)
        again.stop = True
        slow = Stream(self.port, "test.counter", "?rate=20")
        self.assertTrue(slow.wait(lambda f: len(f) > 20, 20))
        slow.stop = True
        span = (slow.frames[-1]["t_ns"] - slow.frames[0]["t_ns"]) / 1e9
        self.assertAlmostEqual((len(slow.frames) - 1) / span, 20, delta=3)
        self.assertFalse([f for f in slow.frames if "lost" in f])

    def test_a_reader_that_reads_nothing_slows_nobody(self):
        with socket.create_connection(("127.0.0.1", self.port)) as dead:
            dead.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            dead.sendall(b"GET /v1/sensors/test.counter/frames HTTP/1.1\r\nHost: localhost\r\n\r\n")
            live = Stream(self.port, "test.counter")
            self.assertTrue(live.wait(lambda f: len(f) > 3000, 30))
            live.stop = True
            numbers = [f["seq"] for f in live.frames]
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))

    def test_a_window_in_numbers_and_words(self):
        time.sleep(1)
        status, window = self.get("/v1/sensors/host.load/window?window=1s")
        self.assertEqual(status, 200)
        self.assertGreater(window["frames"], 5)
        self.assertEqual([e["label"] for e in window["elements"]], ["1 min", "5 min", "15 min"])
        self.assertEqual(window["elements"][0]["mean"], 0.5)
        self.assertIn("1 min: last 0.5, mean 0.5", window["text"])
        self.assertIn("3 MiB", self.get("/v1/sensors/host.memory/window?window=2s")[1]["text"])

    def test_what_is_refused_names_the_field(self):
        for path, status, param, says in (
                ("/v1/sensors/nobody", 404, "sensor_id", "host.cpu"), ("/v1/sensors/nobody/frames", 404, "sensor_id", "host.cpu"),
                ("/v1/sensors/nobody/window", 404, "sensor_id", "test.counter"),
                ("/v1/sensors/host.cpu/window?window=301s", 400, "window", "300"), ("/v1/sensors/host.cpu/window?window=x", 400, "window", "30s"),
                ("/v1/sensors/host.cpu/window?w=1", 400, "w", "window"), ("/v1/sensors/host.cpu/frames?since=-1", 400, "since", "number"),
                ("/v1/sensors/host.cpu/frames?rate=0", 400, "rate", "rate"), ("/v1/sensors/smollm2-135m/frames", 400, "model", "measures nothing")):
            with self.subTest(path):
                got, body = self.get(path)
                self.assertEqual((got, body["error"]["param"]), (status, param), body)
                self.assertIn(says, body["error"]["message"])
        status, body, _ = self.placement.post("/v1/chat/completions", {"model": "host.cpu", "messages": [{"role": "user", "content": "hi"}]})
        self.assertEqual((status, body["error"]["param"]), (400, "model"))

    def test_a_window_in_a_chat(self):
        part = {"type": "sensor", "sensor_id": "host.memory", "window": "2s"}
        ask = lambda *parts, **more: self.request("POST", "/v1/chat/completions", {
            "model": "smollm2-135m", "max_tokens": 8, "temperature": 0, **more,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "How much memory is used?"}, *parts]}]})
        status, plain = ask()
        self.assertEqual(status, 200)
        self.assertNotIn("zenith", plain)
        status, answer = ask(part)
        self.assertEqual(status, 200, answer)
        self.assertEqual(answer["zenith"]["modality_path"], ["sensor"])
        self.assertGreater(answer["usage"]["prompt_tokens"], plain["usage"]["prompt_tokens"] + 40, "the digest stands in the prompt")
        self.assertEqual(ask(part, part)[0], 200)
        for bad, param, code in (({"sensor_id": "nobody"}, "sensor_id", 404), ({"window": "6m"}, "messages[0].content[1].window", 400),
                                 ({"window": "soon"}, "messages[0].content[1].window", 400), ({"sensor_id": ""}, "messages[0].content[1].sensor_id", 400),
                                 ({"size": 1}, "messages[0].content[1].size", 400)):
            status, body = ask({**part, **bad})
            self.assertEqual((status, body["error"]["param"]), (code, param), body)

    def test_stop_and_start(self):
        self.wait_sensor("host.pressure", "ready", 10)
        stream = Stream(self.port, "host.pressure")
        self.assertTrue(stream.wait(lambda f: len(f) > 3, 20))
        self.assertEqual(self.request("POST", "/v1/sensors/host.pressure/stop")[1]["status"], "stopped")
        self.wait_sensor("host.pressure", "stopped", 10)
        time.sleep(0.3)
        had = len(stream.frames)
        time.sleep(0.5)
        self.assertEqual(len(stream.frames), had)
        self.assertEqual(self.sensors()["host.cpu"]["status"], "ready", "its neighbours go on")
        self.assertEqual(self.request("POST", "/v1/sensors/host.pressure/start")[0], 200)
        self.wait_sensor("host.pressure", "ready", 10)
        self.assertTrue(stream.wait(lambda f: len(f) > had, 20))
        self.assertIn("gap", stream.frames[had]["flags"])
        stream.stop = True
        self.assertEqual(self.request("POST", "/v1/sensors/nobody/start")[0], 404)

    def test_a_plugin_of_another_abi_is_quarantined_by_name(self):
        self.wait_sensor("foreign", "failed", 20)
        self.assertIn("made for sensor ABI 2, this Zenith speaks 1", self.sensors()["foreign"]["detail"])
        self.assertIn("quarantined", self.sensors()["foreign"]["detail"])

    def test_a_plugin_that_keeps_crashing_is_quarantined_and_can_be_revived(self):
        end = time.monotonic() + 60
        while time.monotonic() < end and "quarantined" not in self.sensors().get("wild", {}).get("detail", ""):
            time.sleep(0.1)
        detail = self.sensors()["wild"]["detail"]
        self.assertIn("quarantined after 6 failures", detail)
        self.assertIn("signal 11 (Segmentation fault) in read_batch", detail)
        self.assertEqual(self.request("POST", "/v1/sensors/wild/start")[1]["status"], "loading")
        end = time.monotonic() + 20
        while time.monotonic() < end and "quarantined" in self.sensors().get("wild", {}).get("detail", ""):
            time.sleep(0.02)
        self.assertNotIn("quarantined", self.sensors().get("wild", {}).get("detail", ""))

    def test_load_and_unload_at_run_time(self):
        status, answer = self.request("POST", "/v1/sensors", {"plugin": str(BAD / "good.so")})
        self.assertEqual(status, 200, answer)
        self.wait_sensor("good.x", "ready", 20)
        stream = Stream(self.port, "good.x")
        self.assertTrue(stream.wait(lambda f: len(f) > 5, 20))
        self.assertEqual(self.sensors()["good.x"]["service"], answer["service"])
        self.assertEqual(self.request("DELETE", "/v1/sensors/good.x")[1], {"service": answer["service"], "deleted": True})
        end = time.monotonic() + 10
        while time.monotonic() < end and ("good.x" in self.sensors() or "good.so" in hosts_of(self.zenith)):
            time.sleep(0.05)
        self.assertNotIn("good.x", self.sensors())
        self.assertNotIn("good.so", hosts_of(self.zenith))
        stream.join(20)
        self.assertTrue(stream.ended, "its readers are told")
        self.assertEqual(self.request("DELETE", "/v1/sensors/good.x")[0], 404)
        status, body = self.request("POST", "/v1/sensors", {"plugin": "nobody"})
        self.assertEqual((status, body["error"]["param"]), (404, "plugin"))
        self.assertIn("host_telemetry", body["error"]["message"])
        self.assertEqual(self.request("POST", "/v1/sensors", {"plugin": 7})[0], 400)
        self.assertEqual(self.request("POST", "/v1/sensors", {"plug": "x"})[0], 400)

    def test_an_adapter_in_python_is_a_sensor_like_any_other(self):
        root = pathlib.Path(__file__).parents[2]
        run = self.placement.environment["ZENITH_RUN_DIR"]
        adapter = subprocess.Popen([sys.executable, root / "sensors/adapters/line_sensor.py", "--directory", f"ipc://{run}/router.sock",
                                    "--plugin", "lab", "--channel", "volts", "--unit", "V", "--rate-hz", "50"],
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        try:
            def feed():
                with contextlib.suppress(OSError):
                    for n in range(100_000):
                        adapter.stdin.write(f"{n / 8}\n" + ("rubbish\n" if n % 10 == 0 else ""))
                        adapter.stdin.flush()
                        time.sleep(0.02)
            threading.Thread(target=feed, daemon=True).start()
            self.wait_sensor("lab.volts", "ready", 30)
            stream = Stream(self.port, "lab.volts")
            self.assertTrue(stream.wait(lambda f: len(f) > 100, 30))
            stream.stop = True
            frames = stream.frames
            self.assertEqual([f["seq"] for f in frames], list(range(frames[0]["seq"], frames[0]["seq"] + len(frames))))
            self.assertTrue(all(f["values"] == [f["seq"] / 8] for f in frames))
            self.assertIn("V", self.get("/v1/sensors/lab.volts/window?window=2s")[1]["text"])
            self.assertEqual(self.sensors()["lab.volts"]["channels"][0]["dtype"], "f64")
            self.assertEqual(self.request("POST", "/v1/sensors/lab.volts/stop")[1]["status"], "stopped")
            self.wait_sensor("lab.volts", "stopped", 10)
        finally:
            adapter.kill()
            adapter.wait()

    def test_the_host_is_confined(self):
        status = pathlib.Path(f"/proc/{hosts_of(self.zenith)['host_telemetry.so']}/status").read_text()
        self.assertIn("NoNewPrivs:\t1", status)
        pid = hosts_of(self.zenith)["host_telemetry.so"]
        self.assertEqual(os.getpgid(pid), pid)
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        self.assertRegex(limits, r"Max address space +2147483648")

    def test_the_verb(self):
        url = f"http://127.0.0.1:{self.port}"
        run = lambda *a: subprocess.run([placements.EXE, "sensors", *a, "--url", url], capture_output=True, text=True, check=False, timeout=60)
        listed = run()
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("host.cpu", listed.stdout)
        self.assertIn("sensors", json.loads(run("list", "--json").stdout))
        watched = run("watch", "host.load", "--frames", "3", "--json")
        self.assertEqual(watched.returncode, 0, watched.stderr)
        self.assertEqual([len(json.loads(line)["values"]) for line in watched.stdout.splitlines()], [3, 3, 3])
        nobody = run("watch", "nobody")
        self.assertEqual(nobody.returncode, 1)
        self.assertIn("host.cpu", nobody.stderr)


class Closed(unittest.TestCase):
    def test_nothing_is_loaded_over_http_unless_the_configuration_says_so(self):
        with placements.Placement(placements.IPC + service("counter", "test")) as placement:
            status, body, _ = placement.post("/v1/sensors", {"plugin": "test"})
            self.assertEqual((status, body["error"]["param"]), (400, "sensors.load"))


if __name__ == "__main__":
    unittest.main()
