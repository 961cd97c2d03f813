"""zenith quantize on the real default model: the file works, and nothing half is ever left behind."""
import json
import os
import pathlib
import resource
import signal
import subprocess
import tempfile
import time
import unittest

EXE = os.environ["ZENITH_EXE"]
MODEL = "smollm2-135m"
LIMIT_S = 300


def zenith(*arguments, **more):
    done = subprocess.run([EXE, *map(str, arguments)], capture_output=True, timeout=LIMIT_S, check=False, **more)
    return done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace")


class Quantize(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())

    def test_a_file_of_every_kind_of_type_answers(self):
        question = ["What is the capital of France?", "--max-tokens", "16", "--temperature", "0", "--json"]
        whole = self.folder / "f32.gguf"
        code, _, err = zenith("quantize", MODEL, whole, "--type", "f32")
        self.assertEqual(code, 0, err)
        original = json.loads(zenith("run", MODEL, *question)[1])["text"]
        for kind, most_error, bits in [("Q8_0", 0.01, (8.5, 8.7)), ("Q5_K", 0.05, (6.0, 7.0)), ("Q4_0", 0.1, (5.0, 5.6)), ("BF16", 0.002, (16, 16.3))]:
            with self.subTest(kind):
                path = self.folder / f"{kind}.gguf"
                code, out, err = zenith("quantize", whole, path, "--type", kind, "--threads", "2", "--json")
                self.assertEqual((code, err), (0, ""))
                said = json.loads(out)
                self.assertEqual((said["type"], said["bytes"], said["tensors"]), (kind, path.stat().st_size, 272))
                self.assertEqual(sum(said["types"].values()), 272)
                self.assertGreater(said["relative_rms_error"], 0)
                self.assertLess(said["relative_rms_error"], most_error)
                self.assertTrue(bits[0] <= said["bits_per_weight"] <= bits[1], said)
                code, out, err = zenith("run", path, *question)
                self.assertEqual(code, 0, err)
                if kind in ("Q8_0", "BF16"):
                    self.assertIn("Paris", original)
                    self.assertIn("Paris", json.loads(out)["text"])
                else:
                    self.assertGreater(len(json.loads(out)["text"]), 0)
                path.unlink()

    def test_nothing_is_overwritten_or_quantised_twice_unasked(self):
        path = self.folder / "out.gguf"
        path.write_text("precious")
        code, _, err = zenith("quantize", MODEL, path, "--type", "Q8_0", "--allow-requantize")
        self.assertEqual(code, 2)
        self.assertIn("--force", err)
        self.assertEqual(path.read_text(), "precious")
        code, out, err = zenith("quantize", MODEL, self.folder / "two.gguf", "--type", "Q8_0", "--json")
        self.assertEqual(code, 2)
        self.assertIn("--allow-requantize", err)
        self.assertEqual(json.loads(out)["error"]["param"], "allow-requantize")
        code, _, err = zenith("quantize", MODEL, path, "--type", "Q4_1", "--force", "--allow-requantize")
        self.assertEqual(code, 0, err)
        self.assertEqual(path.read_bytes()[:4], b"GGUF")
        self.assertEqual(self.files(), ["out.gguf"])

    def test_no_room_is_a_clear_error_and_leaves_nothing(self):
        def little_room():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        code, _, err = zenith("quantize", MODEL, self.folder / "out.gguf", "--type", "F32", preexec_fn=little_room)
        self.assertEqual(code, 1)
        self.assertIn("out.gguf cannot be written: File too large", err)
        self.assertEqual(self.files(), [])

    def test_a_stop_on_the_way_leaves_nothing(self):
        process = subprocess.Popen([EXE, "quantize", MODEL, self.folder / "out.gguf", "--type", "Q4_K", "--threads", "1", "--allow-requantize"])
        deadline = time.monotonic() + 60
        while not any(name.endswith(".partial") for name in self.files()):
            self.assertLess(time.monotonic(), deadline, "it never began")
            self.assertIsNone(process.poll(), "it ended before it could be stopped")
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(60), -signal.SIGTERM)
        self.assertEqual(self.files(), [])

    def test_wrong_usage_is_2(self):
        for arguments in [["quantize"], ["quantize", MODEL, "x"], ["quantize", MODEL, "x", "--type", "Q3_K"]]:
            with self.subTest(arguments):
                self.assertEqual(zenith(*arguments)[0], 2)
        self.assertEqual(zenith("quantize", "no-such-model", self.folder / "x", "--type", "Q8_0")[0], 1)


if __name__ == "__main__":
    unittest.main()
