"""Every role in `zenith serve` without a configuration, in several processes, in /readyz and in `zenith top`."""
import base64
import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

import httpx

import placements

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
MODELS = pathlib.Path(os.environ.get("ZENITH_HOME", pathlib.Path.home() / ".cache" / "zenith")) / "models"
IDLE = "idle: starts with the first request"
SIGN = "data:image/png;base64," + base64.b64encode((DATA / "vision" / "sign.png").read_bytes()).decode()


def children_of(parent, name):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            command, rest = path.read_text().rsplit(")", 1)
            if name[:15] in command and int(rest.split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


def top(placement):
    """The lines of its services, as words."""
    done = subprocess.run([placements.EXE, "top", "--once", "--url", f"http://127.0.0.1:{placement.port}"], capture_output=True,
                          text=True, check=True, timeout=60)
    return {line.split()[0]: line.split() for line in done.stdout.splitlines()[3:] if line.strip()}


def lines(placement):
    return {s["id"]: s for s in placement.services()[1]["services"]}


def wait_said(placement, *parts):
    """What is printed once all has started."""
    end = time.monotonic() + 60
    while not all(part in placement.log() for part in parts):
        assert time.monotonic() < end, placement.log()
        time.sleep(0.05)


class Plain(unittest.TestCase):
    """`zenith serve`, nothing else said."""

    @classmethod
    def setUpClass(cls):
        cls.placement = placements.Placement()
        cls.placement.__enter__()
        cls.url = f"http://127.0.0.1:{cls.placement.port}"
        cls.zenith = cls.placement.processes["zenith"].popen.pid

    @classmethod
    def tearDownClass(cls):
        cls.placement.__exit__()
        assert cls.placement.codes == {"zenith": 0}, (cls.placement.codes, cls.placement.log())
        assert not children_of(cls.zenith, "zenith-media")

    def ocr(self):
        return httpx.post(self.url + "/v1/vision/ocr", json={"image": SIGN}, timeout=300)

    def speak(self, model):
        return httpx.post(self.url + "/v1/audio/speech", json={"model": model, "input": "Good morning.", "response_format": "wav"}, timeout=300)

    def voices(self, model):
        return [v for v in httpx.get(self.url + "/v1/audio/voices").json()["voices"] if v["model"] == model]

    def models(self):
        wanted = ("kind", "modalities", "license", "context_length", "alias_of")
        return {m["id"]: {k: m[k] for k in wanted} for m in httpx.get(self.url + "/v1/models").json()["data"]}

    def wait_sensor(self):
        end = time.monotonic() + 60
        while lines(self.placement).get("telemetry:host.memory", {}).get("status") != "ready":
            self.assertLess(time.monotonic(), end, lines(self.placement))
            time.sleep(0.05)

    def test_1_every_role_is_there_and_what_waits_costs_no_process(self):
        self.wait_sensor()
        self.assertEqual(children_of(self.zenith, "zenith-media"), [])
        self.assertEqual(len(children_of(self.zenith, "zenith-sensor-host")), 1)
        services = lines(self.placement)
        for name, role, model in (("voice", "voice", "kokoro-82m"), ("voice-piper-joe", "voice", "piper-joe"), ("ears", "voice", "whisper-base"),
                                  ("vision", "vision", "ppocr-v4")):
            self.assertEqual(services[name], {"role": role, "id": name, "status": "ready", "model": model, "detail": IDLE})
        seen = top(self.placement)
        for name, role in (("router", "router"), ("voice", "voice"), ("ears", "voice"), ("vision", "vision"), ("telemetry:host.memory", "sensor")):
            self.assertEqual(seen[name][1:3], [role, "ready"], seen)
        self.assertIn("text", {words[1] for words in seen.values() if len(words) > 1})
        self.assertIn("idle: starts with the first request", " ".join(seen["ears"]))
        wait_said(self.placement, "  text           smollm2-135m, minilm-l6\n", "  speech         kokoro-82m (starts with the first request), piper-joe",
                  "  transcription  whisper-base (starts", "  pictures       ppocr-v4 (starts", "  sensors        host_telemetry\n")

    def test_2_the_first_requests_start_it_once_and_are_answered(self):
        before = self.models()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            asked = [pool.submit(self.ocr) for _ in range(3)]
            end = time.monotonic() + 60
            while not children_of(self.zenith, "zenith-media"):
                self.assertLess(time.monotonic(), end)
            self.assertEqual(self.placement.services()[0], 200, "the whole stays ready while it starts")
            for answer in asked:
                self.assertEqual((answer.result().status_code, answer.result().json().get("text", "")[:10]), (200, "PLATFORM 9"), answer.result().text)
        self.assertEqual(len(children_of(self.zenith, "zenith-media")), 1)
        self.assertEqual(lines(self.placement)["vision"]["detail"], "")
        self.assertEqual(self.models(), before)

    def test_3_what_is_said_of_sleeping_voices_is_what_they_are(self):
        for model in ("piper-joe", "kokoro-82m"):
            before = self.voices(model)
            answer = self.speak(model)
            self.assertEqual((answer.status_code, answer.content[:4]), (200, b"RIFF"), answer.text[:300])
            self.assertEqual(self.voices(model), before)

    def test_4_what_hears(self):
        answer = httpx.post(self.url + "/v1/audio/transcriptions", data={"model": "whisper-1"}, timeout=300,
                            files={"file": ("speech.flac", (DATA / "whisper" / "speech.flac").read_bytes())})
        self.assertEqual(answer.status_code, 200, answer.text)
        self.assertGreater(len(answer.json()["text"]), 40)

    def test_5_once_started_it_is_kept_alive(self):
        self.assertEqual(self.ocr().status_code, 200)
        vision = next(pid for pid in children_of(self.zenith, "zenith-media") if "ppocr" in pathlib.Path(f"/proc/{pid}/cmdline").read_text())
        os.kill(vision, signal.SIGKILL)
        end = time.monotonic() + 120
        while True:
            self.assertEqual(self.placement.services()[0], 200)
            answer = self.ocr()
            if answer.status_code == 200:
                break
            self.assertEqual(answer.status_code, 503, answer.text)
            self.assertLess(time.monotonic(), end)


class Off(unittest.TestCase):
    def test_what_is_off_and_the_command_that_turns_it_on(self):
        with tempfile.TemporaryDirectory() as home:
            models = pathlib.Path(home) / "models"
            models.mkdir()
            for name in ("smollm2-135m", "minilm-l6", "ppocr-v4"):
                (models / name).symlink_to(MODELS / name)
            with placements.Placement(environment={"ZENITH_HOME": home}) as placement:
                wait_said(placement, "  speech         off: `zenith pull kokoro-82m` and a new start turn it on\n",
                          "  transcription  off: `zenith pull whisper-base` and a new start turn it on\n",
                          "  pictures       ppocr-v4 (starts with the first request)\n")
                self.assertFalse({"voice", "ears"} & lines(placement).keys())
                answer = httpx.post(f"http://127.0.0.1:{placement.port}/v1/audio/speech", json={"input": "Hello.", "model": "kokoro-82m"})
                self.assertEqual(answer.status_code, 404, answer.text)

    def test_a_configuration_says_what_runs(self):
        with placements.Placement(placements.IPC) as placement:
            wait_said(placement, "  speech         off: the configuration has no service with model kokoro-82m\n")
            self.assertEqual({s["role"] for s in lines(placement).values()}, {"router", "text"})


class Several(unittest.TestCase):
    def test_top_and_readyz_have_a_line_for_each_service_of_each_process(self):
        sensor = '[[service]]\nrole = "sensor"\nid = "telemetry"\nplugin = "host_telemetry"\n'
        config = placements.IPC + '[[service]]\nrole = "vision"\nid = "vision"\nmodel = "ppocr-v4"\n' + sensor
        order = [("gateway", "gateway"), ("router", "router"), ("vision", "vision"), ("telemetry", "sensor"), ("text", "text")]
        with placements.Placement(config, order) as placement:
            placement.wait_ready(2 + 1 + 5, 180)
            seen, services = top(placement), lines(placement)
            for name, role in (("router", "router"), ("text:smollm2-135m", "text"), ("text:minilm-l6", "text"), ("vision", "vision"),
                               ("telemetry:host.cpu", "sensor")):
                self.assertEqual((services[name]["role"], services[name]["status"]), (role, "ready"))
                self.assertEqual(seen[name][1:3], [role, "ready"], seen)
            placement.processes["vision"].kill()
            placement.processes["vision"].popen.wait()
            end = time.monotonic() + 60
            while lines(placement).get("vision", {}).get("status") == "ready":
                self.assertLess(time.monotonic(), end)
                time.sleep(0.05)
            gone = lines(placement).get("vision")
            self.assertTrue(gone is None or (gone["status"] != "ready" and gone["detail"]), gone)
            self.assertEqual(lines(placement)["text:smollm2-135m"]["status"], "ready")
            placement.processes["vision"].restart()
            placement.wait_ready(2 + 1 + 5, 180)


if __name__ == "__main__":
    unittest.main()
