"""Starts from packed weights on disk: the first writes them, later ones read them; a damaged file, a full or missing folder cost a line in
the log and nothing else. The answers have the same bits throughout."""
import os
import pathlib
import selectors
import signal
import subprocess
import tempfile
import time
import unittest

EXE = os.environ["ZENITH_EXE"]
MODEL = "smollm2-135m"
MODELS = pathlib.Path(os.environ.get("ZENITH_HOME", pathlib.Path.home() / ".cache" / "zenith")) / "models"


class Packed(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.home / "models").symlink_to(MODELS)
        self.folder = self.home / "cache" / "packed"

    def zenith(self, *args, **more):
        return subprocess.run([EXE, *args], env={**os.environ, "ZENITH_HOME": str(self.home), **more}, capture_output=True, text=True,
                              timeout=120, check=True)  # fmt: skip

    def logits(self, **more):
        done = self.zenith("logits", MODEL, "--ids", "1,504,3575", "--json", **more)
        return done.stdout, done.stderr

    def only_file(self):
        (file,) = self.folder.glob("*.zpk")
        return file

    def test_a_start_reads_what_another_packed_and_answers_the_same(self):
        plain, log = self.logits(ZENITH_MODELS_PACKED_BYTES="0")
        self.assertNotIn("packed weights", log)
        self.assertFalse(self.folder.exists())
        first, log = self.logits()
        self.assertIn("packed weights kept", log)
        second, log = self.logits()
        self.assertNotIn("packed weights", log)
        self.assertEqual([first, second], [plain, plain])
        self.assertIn("Packed for quick starts", self.zenith("models").stdout)
        self.assertIn("1 files of packed weights removed", self.zenith("models", "--remove-packed").stdout)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_damaged_file_is_told_and_replaced(self):
        plain, _ = self.logits()
        file = self.only_file()
        for at in (60, 200, file.stat().st_size // 2):
            with open(file, "r+b") as stream:
                stream.seek(at)
                byte = stream.read(1)
                stream.seek(at)
                stream.write(bytes([byte[0] ^ 255]))
            again, log = self.logits()
            self.assertEqual(again, plain)
            self.assertRegex(log, "level=warn.*packed weights on disk cannot be used.*damaged")
            self.assertIn("packed weights kept", log)
        self.assertNotIn("packed weights", self.logits()[1])

    def test_a_folder_that_cannot_be_is_told(self):
        (self.home / "cache").write_text("a file where the folder would be")
        _, log = self.logits()
        self.assertRegex(log, "level=warn.*packed weights cannot be kept")

    def test_a_service_starts_from_a_damaged_file(self):
        self.logits()
        file = self.only_file()
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
        said = self.said_until_ready()
        self.assertIn("packed weights on disk cannot be used", said)
        self.assertNotIn("packed weights", self.said_until_ready())

    def said_until_ready(self):
        command = [EXE, "serve", "text", "--model", MODEL, "--offline"]
        env = {**os.environ, "ZENITH_HOME": str(self.home), "ZENITH_RUN_DIR": str(self.home / "run")}
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as service:
            said, until = b"", time.monotonic() + 60
            with selectors.DefaultSelector() as selector:
                selector.register(service.stdout, selectors.EVENT_READ)
                while b"is ready" not in said and selector.select(until - time.monotonic()):
                    chunk = os.read(service.stdout.fileno(), 65536)
                    if not chunk:
                        break
                    said += chunk
            service.send_signal(signal.SIGTERM)
            try:
                self.assertEqual(service.wait(30), 0, said.decode())
            except subprocess.TimeoutExpired:
                service.kill()
                raise
        self.assertIn(b"is ready", said)
        return said.decode()


if __name__ == "__main__":
    unittest.main()
