"""docs/howto/sensor.md as a stranger follows it: an empty folder, an installed Zenith, and the page's own text."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

SOURCE = pathlib.Path(os.environ["ZENITH_SOURCE_DIR"])
PAGE = (SOURCE / "docs" / "howto" / "sensor.md").read_text()
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Howto(unittest.TestCase):
    def test_a_stranger_gets_to_frames(self):
        blocks = FENCE.findall(PAGE)
        (plugin,) = [body for language, body in blocks if language == "c"]
        config = [body for language, body in blocks if language == "toml"][0]  # the others are of other plugins
        compiling, testing = [body for language, body in blocks if language == "sh"][:2]
        with tempfile.TemporaryDirectory(prefix="zenith-howto-") as name:
            folder = pathlib.Path(name)
            prefix, work = folder / "prefix", folder / "work"
            work.mkdir()
            subprocess.run(["cmake", "--install", os.environ["ZENITH_BUILD_DIR"], "--prefix", prefix], check=True, capture_output=True)
            libdir = next(prefix.rglob("zenith-sensor.pc")).parent
            (work / "thermometer.c").write_text(plugin)
            (work / "zenith.toml").write_text(config)

            def shell(text):
                text = text.replace("PREFIX/lib/pkgconfig", str(libdir)).replace("PREFIX", str(prefix))
                return subprocess.run(["bash", "-ec", text], cwd=work, capture_output=True, text=True, check=False, timeout=120)

            done = shell(compiling)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            done = shell(testing)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertNotIn("FAIL", done.stdout)

            port = free_port()
            server = subprocess.Popen([prefix / "bin" / "zenith", "serve", "--offline", "--config", "zenith.toml", "--listen", f"127.0.0.1:{port}"],
                                      cwd=work, env={**os.environ, "ZENITH_RUN_DIR": str(folder / "run")}, stdin=subprocess.DEVNULL)
            try:
                url = f"http://127.0.0.1:{port}/v1/sensors/room.temperature"
                self.frames_come(url + "/frames", 30)
                time.sleep(1)
                with urllib.request.urlopen(url + "/window?window=30s", timeout=10) as answer:
                    window = json.load(answer)
                self.assertGreater(window["frames"], 5)
                self.assertIn("°C", window["text"])
                watched = subprocess.run([prefix / "bin" / "zenith", "sensors", "watch", "room.temperature", "--frames", "2", "--url",
                                          f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=False, timeout=30)
                self.assertEqual(watched.returncode, 0, watched.stderr)
                self.assertEqual(len(watched.stdout.splitlines()), 2)
            finally:
                server.send_signal(signal.SIGTERM)
                self.assertEqual(server.wait(60), 0)

    def frames_come(self, url, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
                for line in answer:
                    if line.startswith(b"data: "):
                        frame = json.loads(line[6:])
                        self.assertTrue(15 < frame["values"][0] < 25, frame)
                        self.assertEqual(frame["flags"], ["simulated"])
                        return
            time.sleep(0.1)
        self.fail("no frame came")


if __name__ == "__main__":
    unittest.main()
