"""bench/text_peer.py with programs that answer at once: what is measured, what a ratio is, and when there is none."""
import importlib.util
import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(os.environ["ZENITH_SOURCE_DIR"])
SCRIPT = ROOT / "bench" / "text_peer.py"

ZENITH = """
import sys
if sys.argv[1] == "serve":
    print("Zenith text is ready at nowhere", flush=True)
    import signal; signal.pause()
assert sys.argv[1:3] == ["bench", "text"], sys.argv
gen = sys.argv[sys.argv.index("--gen") + 1] != "0"
print('{"prefill_tokens_per_s": %d, "decode_tokens_per_s": %d, "peak_rss_bytes": 3000, "kernels": "test"}' % (0 if gen else 600, 90 if gen else 0))
"""
PEER = """
import sys
speed = 100 if "-ctk" in sys.argv else 150 if "-fa" in sys.argv else 50
print('[{"avg_ts": %d, "build_commit": "abc", "backends": "CPU"}]' % speed)
"""
PEER_BATCHED = """
import sys
assert "0" not in sys.argv[sys.argv.index("--output-format"):], "-fa takes on or off here"
print("noise")
print('{"pl": 4, "speed_tg": 30.0}')
"""


def load():
    spec = importlib.util.spec_from_file_location("text_peer", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rounds(loads):
    return [{"case": "prefill 512", "foreign_load": load, "values": {"zenith": 300.0, "llama.cpp default": 100.0, "llama.cpp fa off": 150.0}} for load in loads]


class Summary(unittest.TestCase):
    def setUp(self):
        self.script = load()

    def summary(self, loads, anyway=False):
        return self.script.summary(rounds(loads), ["prefill 512"], anyway)["prefill 512"]

    def test_three_quiet_rounds_give_the_ratios_to_the_default_and_to_the_best_flags(self):
        case = self.summary([0.0, 0.02, 0.1, 0.9])
        self.assertEqual((case["rounds_counted"], case["ratio_to_default"], case["ratio_to_best"]), (3, 3.0, 2.0))

    def test_too_few_quiet_rounds_give_no_figure(self):
        case = self.summary([0.0, 0.02, 0.11, 0.9])
        self.assertEqual((case["rounds_counted"], case["foreign_load_worst"]), (2, 0.9))
        self.assertNotIn("values", case)
        self.assertNotIn("ratio_to_best", case)

    def test_anyway_counts_every_round(self):
        case = self.summary([0.5, 0.9], anyway=True)
        self.assertEqual((case["rounds_counted"], case["ratio_to_best"]), (2, 2.0))


class WholeRun(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name, text in {"zenith": ZENITH, "llama-bench": PEER, "llama-batched-bench": PEER_BATCHED}.items():
            path = self.folder / name
            path.write_text(f"#!{sys.executable}\n{text}")
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        (self.folder / "model.gguf").write_bytes(bytes(2000))

    def run_script(self, *flags):
        command = [sys.executable, SCRIPT, "--zenith", self.folder / "zenith", "--model", self.folder / "model.gguf",
                   "--out", self.folder / "out.json", "--rounds", "1", *flags]
        done = subprocess.run(command, env={**os.environ, "ZENITH_PEER": str(self.folder)}, capture_output=True, text=True, timeout=120)
        return done, json.loads(done.stdout.splitlines()[-1]) if done.stdout else None

    def test_every_case_is_measured_and_the_table_comes_before_one_json_object(self):
        done, result = self.run_script("--anyway")
        self.assertEqual(done.returncode, 0, done.stderr)
        cases = result["cases"]
        self.assertEqual(list(cases), ["prefill 512", "prefill 2048", "decode, empty context", "decode at 1024", "decode, batch 4",
                                       "decode, batch 16", "start to ready", "memory, prefill 2048"])
        self.assertEqual(cases["prefill 512"]["ratio_to_default"], 12.0)
        self.assertEqual(cases["prefill 512"]["ratio_to_best"], 4.0)
        self.assertEqual(cases["decode, batch 4"]["ratio_to_best"], 3.0)
        self.assertEqual(cases["memory, prefill 2048"]["values"]["zenith"], 1.5)
        self.assertGreater(cases["start to ready"]["values"]["zenith"], 0)
        self.assertTrue(done.stdout.startswith("EVERY ROUND COUNTED"))
        self.assertEqual(json.loads((self.folder / "out.json").read_text()), result)

    def test_one_round_is_not_enough_for_a_ratio(self):
        done, result = self.run_script("--case", "prefill 512")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertNotIn("ratio_to_best", result["cases"]["prefill 512"])
        self.assertIn("no ratio", done.stdout)

    def test_a_program_that_fails_is_named_with_what_it_said(self):
        (self.folder / "llama-bench").write_text(f"#!{sys.executable}\nimport sys; sys.exit('no such flag')\n")
        done, _ = self.run_script("--case", "prefill 512")
        self.assertEqual(done.returncode, 1)
        self.assertIn("llama-bench ended with status 1", done.stderr)
        self.assertIn("no such flag", done.stderr)


if __name__ == "__main__":
    unittest.main()
