"""The camera plugin end to end, with files in a camera's place: frames, pictures, windows of two cameras in a chat, files that go away, hostile
files; and a media process that is stopped."""
import base64
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest
import zlib

import placements
from sensor_test import Stream, assert_quiet_end, service
from voice_test import child_of

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "vision"
FOLDER = tempfile.TemporaryDirectory(prefix="zenith-camera-")
ROOT = pathlib.Path(FOLDER.name)
WIDTH, HEIGHT, PICTURES = 64, 48, 10


def y4m(width=WIDTH, height=HEIGHT, pictures=PICTURES, rate=20):
    """Grey pictures, each lighter than the one before."""
    head = f"YUV4MPEG2 W{width} H{height} F{rate}:1 Ip A1:1 C420jpeg\n".encode()
    return head + b"".join(b"FRAME\n" + bytes([16 + 20 * i]) * (width * height) + bytes([128]) * (width * height // 2) for i in range(pictures))


def png(width, height, rows):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def camera(file, **options):
    return service("camera", "ffmpeg_camera", {"path": str(file), "loop": True, "rate_hz": 20, **options})


class Placed(unittest.TestCase):
    config, models = "", 0

    @classmethod
    def setUpClass(cls):
        cls.placement = placements.Placement(cls.config, environment={"ZENITH_LOG_LEVEL": "info"})
        if not cls.models:
            cls.placement.wait_ready = lambda: None
        cls.placement.__enter__()
        if cls.models:
            cls.placement.wait_ready(wanted=cls.models, seconds=180)
        cls.port, cls.zenith = cls.placement.port, cls.placement.processes["zenith"].popen.pid
        cls.wait_status("ready")

    @classmethod
    def tearDownClass(cls):
        cls.placement.__exit__()
        assert cls.placement.codes == {"zenith": 0}, (cls.placement.codes, cls.placement.log()[-4000:])
        assert_quiet_end(cls.placement)

    @classmethod
    def get(cls, path):
        connection = http.client.HTTPConnection("127.0.0.1", cls.port, timeout=30)
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, response.headers["Content-Type"], body

    @classmethod
    def camera_line(cls):
        with contextlib.suppress(OSError):
            for line in json.loads(cls.get("/v1/sensors")[2])["sensors"]:
                if line["id"] == "camera.image":
                    return line
        return {"status": "none", "detail": ""}

    @classmethod
    def wait_status(cls, status, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            line = cls.camera_line()
            if line["status"] == status:
                return line
            time.sleep(0.05)
        raise AssertionError(f"the camera is not {status}: {line}\n{cls.placement.log()[-3000:]}")


class Camera(Placed):
    config = "".join(f'[[service]]\nrole = "{r}"\nid = "{r}"\n' for r in ("router", "gateway")) + camera(ROOT / "film.y4m")

    @classmethod
    def setUpClass(cls):
        (ROOT / "film.y4m").write_bytes(y4m())
        super().setUpClass()

    def picture(self):
        status, kind, body = self.get("/v1/sensors/camera.image/picture")
        self.assertEqual((status, kind), (200, "image/bmp"), body[:300])
        return body

    def test_a_file_plays_in_a_loop_as_a_camera(self):
        stream = Stream(self.port, "camera.image")
        self.assertTrue(stream.wait(lambda f: len(f) > 2 * PICTURES, 60))
        stream.stop = True
        channel = self.camera_line()["channels"][0]
        self.assertEqual((channel["dtype"], channel["shape"], channel["policy"]), ("u8", [0, 0, 3], "latest"))
        greys = set()
        for frame in stream.frames:
            self.assertEqual((frame["values"], frame["dtype"], frame["dims"]), (None, "u8", [HEIGHT, WIDTH, 3]))
            self.assertIn("simulated", frame["flags"])
            pixels = base64.b64decode(frame["base64"])
            self.assertEqual(len(pixels), HEIGHT * WIDTH * 3)
            self.assertLessEqual(max(pixels) - min(pixels), 1, "a grey picture")
            greys.add(pixels[0])
        self.assertGreater(len(greys), PICTURES // 2)
        times = [f["t_ns"] for f in stream.frames]
        self.assertEqual(times, sorted(times))

    def test_the_last_picture_is_a_file(self):
        time.sleep(0.5)
        picture = self.picture()
        self.assertEqual(picture[:2], b"BM")
        size, offset, width, height, bits = (*struct.unpack_from("<I", picture, 2), *struct.unpack_from("<I", picture, 10),
                                             *struct.unpack_from("<ii", picture, 18), *struct.unpack_from("<H", picture, 28))
        self.assertEqual((size, offset, width, height, bits), (len(picture), 54, WIDTH, HEIGHT, 24))
        status, _, body = self.get("/v1/sensors/camera.image/window?window=1s")
        self.assertEqual((status, json.loads(body)["error"]["param"]), (400, "sensor_id"))
        self.assertIn("GET /v1/sensors/camera.image/picture", json.loads(body)["error"]["message"])

    def test_the_verb_shows_sizes_not_pixels(self):
        run = subprocess.run([placements.EXE, "sensors", "watch", "camera.image", "--frames", "2", "--url", f"http://127.0.0.1:{self.port}"],
                             capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(run.returncode, 0, run.stderr)
        for line in run.stdout.splitlines():
            self.assertIn(f"picture {WIDTH} x {HEIGHT}", line)
            self.assertLess(len(line), 120)

    def test_a_file_that_goes_away_is_told_and_found_again(self):
        stream = Stream(self.port, "camera.image")
        self.assertTrue(stream.wait(lambda f: len(f) > 3, 60))
        (ROOT / "film.y4m").rename(ROOT / "away.y4m")
        try:
            line = self.wait_status("failed")
            self.assertIn("film.y4m: No such file or directory", line["detail"])
            status, _, body = self.get("/v1/sensors/camera.image/picture")
            self.assertEqual(status, 503, body)
            self.assertIn("No such file or directory", json.loads(body)["error"]["message"])
            had = len(stream.frames)
        finally:
            (ROOT / "away.y4m").rename(ROOT / "film.y4m")
        self.wait_status("ready")
        self.assertTrue(stream.wait(lambda f: len(f) > had + 3, 60))
        self.assertIn("gap", stream.frames[had]["flags"])
        self.assertFalse(stream.errors)
        stream.stop = True


class Files(unittest.TestCase):
    """What a file may do to the plugin, by `zenith sensors test`."""

    def kit(self, name, content, **options):
        path = ROOT / name
        path.write_bytes(content)
        done = subprocess.run([placements.EXE, "sensors", "test", "ffmpeg_camera", "--seconds", "1", "--json", "--options",
                               json.dumps({"path": str(path), "rate_hz": 20, **options})], capture_output=True, text=True, check=False, timeout=120)
        report = json.loads(done.stdout.splitlines()[0])
        return done.returncode, {c["check"]: c for c in report["checks"]}

    def test_a_good_file_keeps_the_rules(self):
        code, checks = self.kit("good.y4m", y4m(), loop=True, width=32)
        self.assertEqual(code, 0, checks)
        self.assertIn("32 x 24 pixels", checks["health"]["detail"])

    def test_a_file_that_breaks_off_gives_what_it_has(self):
        code, checks = self.kit("cut.y4m", y4m()[:-WIDTH * HEIGHT // 2])
        self.assertEqual(code, 0, checks)
        self.assertIn(f"the file is over: {PICTURES - 1} pictures", checks["health"]["detail"])

    def test_hostile_files_are_refused_in_words_and_cost_nothing(self):
        other = ROOT / "other.y4m"
        other.write_bytes(y4m())
        for name, content, says in (("bomb.y4m", b"YUV4MPEG2 W60000 H60000 F10:1 C420jpeg\nFRAME\n" + b"x" * 1000, "bomb.y4m"),
                                    ("bomb.png", png(40000, 40000, bytes(50_000_000)), "no picture in the file can be decoded"),
                                    ("noise.bin", os.urandom(300_000), "noise.bin"), ("empty", b"", "empty"),
                                    ("other.ffconcat", b"ffconcat version 1.0\nfile other.y4m\n", "other.ffconcat"),
                                    ("list.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n#EXT-X-ENDLIST\n".encode(), "list.m3u8")):
            with self.subTest(name):
                code, checks = self.kit(name, content)
                self.assertEqual(code, 1, checks)
                wrong = {c for c in checks if not checks[c]["ok"]} - {"time limit", "time limit again"}  # a busy machine looks into noise for long
                self.assertEqual(wrong, {"health", "health again"}, "nothing but its health is wrong")
                self.assertIn(says, checks["health"]["detail"])
                self.assertIn("tried again", checks["health"]["detail"])

    def test_options_are_refused_by_name(self):
        for options, says in (({"path": ""}, "options.path is missing"), ({"rate_hz": 0}, "options.rate_hz must be"),
                              ({"width": 1.5}, "options.width must be"), ({"capture": "large"}, "options.capture must be"),
                              ({"loop": 1}, "options.loop must be"), ({"speed": 1}, "options.speed is not known"),
                              ({"path": {"a": 1}}, "options.path must be")):
            code, checks = self.kit("good.y4m", y4m(), **options) if "path" not in options else self.raw(options)
            self.assertEqual(code, 1)
            self.assertIn(says, checks["open"]["detail"])

    def raw(self, options):
        done = subprocess.run([placements.EXE, "sensors", "test", "ffmpeg_camera", "--json", "--options", json.dumps(options)],
                              capture_output=True, text=True, check=False, timeout=120)
        return done.returncode, {c["check"]: c for c in json.loads(done.stdout.splitlines()[0])["checks"]}


def window(sensor, length="30s"):
    return {"type": "sensor", "sensor_id": sensor, "window": length}


class Blind(Placed):
    config = placements.IPC + camera(ROOT / "blind.y4m")
    models = 2

    @classmethod
    def setUpClass(cls):
        (ROOT / "blind.y4m").write_bytes(y4m())
        super().setUpClass()

    def test_a_window_that_nobody_can_read_says_what_is_missing(self):
        self.assertEqual(self.get("/v1/sensors/camera.image/picture")[0], 200)
        status, answer, _ = self.placement.post("/v1/chat/completions", Chat.chat(window("camera.image")))
        self.assertEqual((status, answer["error"]["param"]), (400, "messages[0].content[1]"), answer)
        self.assertIn("the sensor gives pictures, which a vision service has to read", answer["error"]["message"])
        self.assertIn('role "vision"', answer["error"]["message"])


class Chat(Placed):
    config = (placements.IPC + '[[service]]\nrole = "vision"\nid = "vision"\nmodel = "ppocr-v4"\n' + camera(ROOT / "sign.png", rate_hz=5) +
              service("second", "ffmpeg_camera", {"path": str(ROOT / "yard.y4m"), "loop": True, "rate_hz": 5}) + 'instance = "yard"\n')
    models = 3

    @classmethod
    def setUpClass(cls):
        shutil.copy(DATA / "sign.png", ROOT / "sign.png")
        (ROOT / "yard.y4m").write_bytes(y4m())
        super().setUpClass()

    def wait_vision(self):
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if any(s["id"] == "vision" and s["status"] == "ready" for s in self.placement.services()[1]["services"]):
                return
            time.sleep(0.05)
        self.fail(f"vision is not ready: {self.placement.services()}")

    def ask(self, *parts):
        status, answer, _ = self.placement.post("/v1/chat/completions", self.chat(*parts))
        return status, answer

    @staticmethod
    def chat(*parts):
        return {"model": "smollm2-135m", "max_tokens": 8, "temperature": 0,
                "messages": [{"role": "user", "content": [{"type": "text", "text": "What does the camera show?"}, *parts]}]}

    def shown(self):
        return "data:image/bmp;base64," + base64.b64encode(self.get("/v1/sensors/camera.image/picture")[2]).decode()

    def test_1_a_window_of_a_camera_is_read(self):
        self.wait_vision()
        status, sent = self.ask({"type": "image_url", "image_url": {"url": self.shown()}})
        self.assertEqual(status, 200, sent)
        self.assertEqual(sent["zenith"]["modality_path"], ["ocr"])
        answer = self.ask_with_receipt(window("camera.image"))
        self.assertEqual(answer["zenith"]["modality_path"], ["sensor", "ocr"])
        self.assertEqual([hop["hop"] for hop in answer["zenith"]["receipt"]][:2], ["sensor", "ocr"])
        self.assertEqual(self.readings(answer), 1, "a sign that does not change is read once")
        self.assertGreater(answer["usage"]["prompt_tokens"], sent["usage"]["prompt_tokens"], "the same text, and when it was seen")

    def test_2_a_second_instance_of_the_plugin_is_another_sensor(self):
        self.wait_vision()
        status, _, body = self.get("/v1/sensors")
        listed = {line["id"]: line for line in json.loads(body)["sensors"]}
        self.assertEqual((status, set(listed)), (200, {"camera.image", "yard.image"}))
        self.assertEqual({line["plugin"] for line in listed.values()}, {"camera"}, listed)
        self.assertNotEqual(self.size("camera.image"), self.size("yard.image"))
        self.assertEqual(self.size("yard.image"), (WIDTH, HEIGHT))
        answer = self.ask_with_receipt(window("yard.image", "2s"), window("camera.image", "2s"))
        self.assertEqual(answer["zenith"]["modality_path"], ["sensor", "ocr"])
        self.assertEqual(self.readings(answer), 3 + 1, "the yard's pictures differ, and the sign is there as well")

    def size(self, sensor):
        status, _, picture = self.get(f"/v1/sensors/{sensor}/picture")
        self.assertEqual(status, 200, picture[:300])
        return struct.unpack_from("<ii", picture, 18)

    def ask_with_receipt(self, *parts):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        connection.request("POST", "/v1/chat/completions", json.dumps(self.chat(*parts)),
                           {"Content-Type": "application/json", "X-Zenith-Receipt": "1"})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        self.assertEqual(response.status, 200, body)
        return json.loads(body)

    @staticmethod
    def readings(answer):
        return sum(hop["hop"] == "ocr" for hop in answer["zenith"]["receipt"])

    def test_3_a_media_process_that_is_stopped_is_ended_and_started_again(self):
        victim = child_of(self.zenith)
        os.kill(victim, signal.SIGSTOP)
        end = time.monotonic() + 60
        while time.monotonic() < end and pathlib.Path(f"/proc/{victim}").exists():
            time.sleep(0.05)
        self.assertFalse(pathlib.Path(f"/proc/{victim}").exists(), "nobody ended it")
        self.assertIn("zenith-media hangs: it gave no sign of life and was ended", self.placement.log())
        self.wait_vision()
        self.assertNotEqual(child_of(self.zenith), victim)
        self.assertEqual(self.ask({"type": "image_url", "image_url": {"url": self.shown()}})[0], 200)


if __name__ == "__main__":
    unittest.main()
