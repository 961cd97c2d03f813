"""Faults of plugins in a running system: each call of the SDK crashes and hangs in turn, lies, other ABIs, a process that is stopped. A
sensor beside them counts on without a hole."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

import placements
from sensor_test import BAD, Stream, assert_quiet_end, hosts_of, service

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sensors"))
from kit_test import ROWS  # noqa: E402

# Plugins whose fault comes with a call that a running system makes later: when the sensor is stopped, when it is unloaded.
AT_STOP = ("crash_stop", "hang_stop")
AT_CLOSE = ("crash_close", "hang_close")
WHILE_RUNNING = sorted(set(ROWS) - set(AT_STOP) - set(AT_CLOSE))
AT_ONCE = 9
CONFIG = ("[sensors]\nload = true\n" + "".join(f'[[service]]\nrole = "{r}"\nid = "{r}"\n' for r in ("router", "gateway")) +
          service("counter", "test") + service("steady", BAD / "good.so"))


def state_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    return None


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.placement = placements.Placement(CONFIG, environment={"ZENITH_LOG_LEVEL": "info"})
        cls.placement.wait_ready = lambda: None  # there is no model to wait for
        cls.placement.__enter__()
        cls.port = cls.placement.port
        cls.zenith = cls.placement.processes["zenith"].popen.pid
        cls.wait(lambda: cls.status("test.counter") == "ready" and cls.status("good.x") == "ready", 60)

    @classmethod
    def tearDownClass(cls):
        cls.placement.__exit__()
        assert cls.placement.codes == {"zenith": 0}, (cls.placement.codes, cls.placement.log()[-4000:])
        assert_quiet_end(cls.placement)

    def setUp(self):
        self.counter = Stream(self.port, "test.counter")
        self.assertTrue(self.counter.wait(lambda f: len(f) > 10, 30))

    def tearDown(self):
        had = len(self.counter.frames)
        self.assertTrue(self.counter.wait(lambda f: len(f) > had + 10, 30), "the sensor beside them stands still")
        self.counter.stop = True
        numbers = [f["seq"] for f in self.counter.frames]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "the sensor beside them lost something")
        self.assertFalse(self.counter.errors)

    @classmethod
    def request(cls, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", cls.port, timeout=60)
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"Content-Type": "application/json"} if body is not None else {})
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        return response.status, answer

    @classmethod
    def lines(cls):
        with contextlib.suppress(OSError):
            return cls.request("GET", "/v1/sensors")[1]["sensors"]
        return []

    @classmethod
    def status(cls, sensor):
        return next((s["status"] for s in cls.lines() if s["id"] == sensor), None)

    @classmethod
    def wait(cls, true, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if true():
                return
            time.sleep(0.02)
        raise AssertionError(f"not after {seconds} s: {cls.lines()}\n{cls.placement.log()[-3000:]}")

    def load(self, name):
        status, answer = self.request("POST", "/v1/sensors", {"plugin": str(BAD / f"{name}.so")})
        self.assertEqual(status, 200, answer)
        return answer["service"]

    def unload(self, service_id):
        self.assertEqual(self.request("DELETE", f"/v1/sensors/{service_id}")[0], 200)

    def says(self, service_id, text):
        return any(s["service"] == service_id and s["status"] == "failed" and text in s["detail"] for s in self.lines())

    def test_each_call_crashes_hangs_and_lies_in_turn(self):
        for first in range(0, len(WHILE_RUNNING), AT_ONCE):
            names = WHILE_RUNNING[first:first + AT_ONCE]
            left = {name: self.load(name) for name in names}
            ids = dict(left)

            def all_told():
                lines = self.lines()
                for name, at in list(left.items()):
                    if any(s["service"] == at and s["status"] == "failed" and ROWS[name] in s["detail"] for s in lines):
                        del left[name]
                return not left

            self.wait(all_told, 120)
            for at in ids.values():
                self.unload(at)
            self.wait(lambda: not any(s["service"] in ids.values() for s in self.lines()), 30)

    def test_a_stop_that_crashes_or_hangs_ends_the_process_and_names_the_call(self):
        for name in AT_STOP:
            at = self.load(name)
            self.wait(lambda: self.status(f"{name}.x") == "ready", 60)
            self.assertEqual(self.request("POST", f"/v1/sensors/{name}.x/stop")[0], 200)
            self.wait(lambda: self.says(at, ROWS[name]), 60)
            self.unload(at)

    def test_a_close_that_crashes_or_hangs_does_not_keep_a_plugin_from_being_unloaded(self):
        for name in AT_CLOSE:
            at = self.load(name)
            self.wait(lambda: self.status(f"{name}.x") == "ready", 60)
            children = set(self.children())
            self.unload(at)
            self.wait(lambda: not any(s["service"] == at for s in self.lines()), 30)
            self.wait(lambda: len(set(self.children()) & children) == 2, 30)

    def children(self):
        out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.zenith)], capture_output=True, text=True, check=False).stdout
        return [int(pid) for pid in out.split()]

    def test_a_process_that_is_stopped_is_seen_ended_and_started_again(self):
        stream = Stream(self.port, "good.x")
        self.assertTrue(stream.wait(lambda f: len(f) > 10, 30))
        victim = hosts_of(self.zenith)["good.so"]
        os.kill(victim, signal.SIGSTOP)
        self.wait(lambda: state_of(victim) in (None, "T"), 10)
        had = len(stream.frames)
        self.assertTrue(stream.wait(lambda f: any("lost" in x for x in f[had:]), 60), "it did not come back")
        self.assertIsNone(state_of(victim))
        self.assertNotEqual(hosts_of(self.zenith)["good.so"], victim)
        self.assertIn("zenith-sensor-host hangs: it gave no sign of life and was ended", self.placement.log())
        stream.stop = True

    def test_kill_9_again_and_again_is_survived(self):
        stream = Stream(self.port, "good.x")
        self.assertTrue(stream.wait(lambda f: len(f) > 10, 30))
        for _ in range(3):
            had = len(stream.frames)
            os.kill(hosts_of(self.zenith)["good.so"], signal.SIGKILL)
            self.assertTrue(stream.wait(lambda f, n=had: any("lost" in x for x in f[n:]), 60))
        self.assertFalse(stream.errors)
        stream.stop = True


if __name__ == "__main__":
    unittest.main()
