"""`zenith sensors test` over the plugins of tests/sensors/bad: each breaks one rule, and each is told apart; the good ones pass."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import unittest

EXE = os.environ["ZENITH_EXE"]
BUILD = pathlib.Path(os.environ["ZENITH_BUILD_DIR"])
BAD = BUILD / "tests" / "sensors" / "bad"
# Plugin: what the failing check's detail says.
ROWS = {
    "no_entry": "zenith_sensor_entry", "crash_load": "signal 11", "crash_entry": "zenith_sensor_entry", "hang_entry": "zenith_sensor_entry",
    "null_entry": "returned nothing", "other_abi": "sensor ABI 2, this Zenith speaks 1", "small_table": "8 bytes", "empty_call": "empty call",
    "no_manifest": "no manifest", "bad_manifest": "is no JSON", "crash_open": "in open", "hang_open": "open has not returned",
    "exit_open": "in open", "fail_open": "cannot be opened: xxx", "crash_start": "in start", "fail_start": "No such device",
    "hang_start": "start has not returned", "crash_read": "signal 11 (Segmentation fault) in read_batch", "hang_read": "read_batch has not",
    "abort_read": "signal 6", "exit_read": "in read_batch", "fail_read": "Input/output error", "many_read": "there was room for",
    "memory_read": "signal", "crash_release": "in release", "hang_release": "release has not", "crash_health": "in health",
    "hang_health": "health has not", "crash_stop": "in stop", "hang_stop": "stop has not", "crash_close": "in close",
    "hang_close": "close has not", "lie_dims": "rank is 1", "lie_bytes": "bytes is", "lie_null": "data is NULL", "lie_pointer": "signal 11",
    "lie_dtype": "dtype is 99", "lie_channel": "must be below 1", "lie_seq": "does not grow", "lie_flags": "unknown bits",
}


def kit(plugin, *options, seconds="1"):
    done = subprocess.run([EXE, "sensors", "test", str(plugin), "--seconds", seconds, "--json", *options], capture_output=True, text=True,
                          check=False, timeout=120)
    return done.returncode, json.loads(done.stdout.splitlines()[0]) if done.stdout else {}, done.stderr


class Kit(unittest.TestCase):
    def test_every_bad_plugin_is_told_apart(self):
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for name, (code, report, _) in zip(ROWS, pool.map(lambda n: kit(BAD / f"{n}.so"), ROWS)):
                with self.subTest(name):
                    self.assertEqual(code, 1, report)
                    self.assertFalse(report["ok"])
                    said = " | ".join(c["detail"] for c in report["checks"] if not c["ok"])
                    self.assertIn(ROWS[name], said)

    def test_every_compiled_one_has_a_row(self):
        self.assertEqual({p.stem for p in BAD.glob("*.so")}, set(ROWS) | {"good"})

    def test_the_good_ones_pass(self):
        for plugin in (BAD / "good.so", BUILD / "lib/zenith/plugins/test.so", BUILD / "lib/zenith/plugins/host_telemetry.so"):
            code, report, error = kit(plugin, seconds="4")
            self.assertEqual(code, 0, (report, error))
            self.assertTrue(report["ok"])

    def test_a_name_is_looked_for_and_a_wrong_one_lists_those_there_are(self):
        code, _, error = kit("nobody")
        self.assertEqual(code, 1)
        self.assertIn("host_telemetry", error)

    def test_other_files_are_no_plugins(self):
        for path, says in ((__file__, "no ELF file"), ("/nowhere/x.so", "no plugin at")):
            code, report, error = kit(path)
            self.assertEqual(code, 1)
            self.assertIn(says, error + json.dumps(report))


if __name__ == "__main__":
    unittest.main()
