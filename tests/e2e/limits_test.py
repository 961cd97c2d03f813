"""Processes at the end of what the system gives them: descriptors, room in the run folder, the wall clock, a network that splits; and
what a killed process leaves behind. Streams that run go on, nothing is sent twice, and no core turns idly."""
import contextlib
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import fault_test
import hostile
import placements

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "chaos"))
import proxy  # noqa: E402

MODEL = fault_test.TINY
IDLE_SECONDS = 3


def streams(placement, count, tokens=120, first=0, begun=True):
    """Begins so many and, with `begun`, waits for the first piece of each. @returns a function that waits for their ends."""
    readers, all_begun = [None] * count, threading.Barrier(count + 1)

    def read(i):
        pieces, text, error = placement.stream("/v1/completions", fault_test.body(first + i, tokens)), "", None
        for number, (_, chunk) in enumerate(pieces):
            text += "".join(c.get("text") or "" for c in chunk.get("choices", []))
            error = chunk.get("error") or error
            if number == 0 and begun:
                all_begun.wait(60)
        readers[i] = (text, error)

    threads = [threading.Thread(target=read, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    if begun:
        all_begun.wait(60)

    def ends():
        for thread in threads:
            thread.join(120)
        return readers
    return ends


class Descriptors(unittest.TestCase):
    """Fault 26. New connections are turned away or wait, those that are there go on, and the process does not turn a core."""

    def starve(self, name, endpoint):
        placement = placements.three_processes(1, fault_test.CONFIG)
        self.enterContext(placement)
        placement.wait_ready(1)
        want = fault_test.undisturbed(placement, 3, 120)
        popen = placement.processes[name].popen
        with contextlib.ExitStack() as stack:
            known = stack.enter_context(contextlib.closing(hostile.connect(f"http://127.0.0.1:{placement.port}", 60)))
            ends = streams(placement, 3)
            before = resource.prlimit(popen.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(popen.pid, resource.RLIMIT_NOFILE, (hostile.open_files(popen.pid) + 6, before[1]))
            for _ in range(60):
                with contextlib.suppress(OSError):
                    stack.enter_context(hostile.connect(endpoint(placement), 5))
            self.assertEqual([(text, error) for text, error in ends()], [(text, None) for text in want])
            used = hostile.cpu_seconds(popen.pid)
            time.sleep(IDLE_SECONDS)
            used = hostile.cpu_seconds(popen.pid) - used
            known.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            ready = known.recv(65536).decode()
            print(f"{name} without descriptors: {used:.2f} s of CPU in {IDLE_SECONDS} s; {ready.splitlines()[0]}")
            self.assertLess(used, IDLE_SECONDS / 2)
            self.assertIsNone(popen.poll(), placement.log())
            self.assertRegex(placement.log(), "(?i)no file descriptor is left|too many open files")
        resource.prlimit(popen.pid, resource.RLIMIT_NOFILE, before)
        placement.wait_ready(1)
        self.assertEqual(fault_test.undisturbed(placement, 3, 120), want)
        return placement, ready

    def test_fault_26_a_gateway_without_descriptors_says_503_and_its_streams_finish(self):
        _, ready = self.starve("gateway", lambda p: f"http://127.0.0.1:{p.port}")
        self.assertTrue(ready.startswith("HTTP/1.1 503 "), ready)
        self.assertIn("no file descriptor is left", ready)

    def test_fault_26_a_service_without_descriptors_goes_on_and_takes_a_new_gateway_afterwards(self):
        placement, _ = self.starve("text0", lambda p: f"ipc://{p.root}/run/text.sock")
        placement.processes["gateway"].restart()
        placement.wait_ready(1)

    def test_fault_26_a_directory_without_descriptors_goes_on(self):
        self.starve("router", lambda p: f"ipc://{p.root}/run/router.sock")


class WhatIsLeft(unittest.TestCase):
    def test_fault_28_what_killed_processes_left_is_swept_at_the_next_start(self):
        environment = {"ZENITH_LINKS_SHARED_BYTES": "1"}
        placement = self.enterContext(placements.three_processes(1, placements.IPC, environment))
        placement.wait_ready(2)
        run = placement.root / "run"
        embed = ("/v1/embeddings", {"model": "minilm-l6", "input": [f"number {i}" for i in range(12)]})
        want = placement.post(*embed)[1]["data"]

        def left(*endings):
            return {p.name for p in run.iterdir() if p.name.endswith(endings)}
        self.assertTrue(left(".shm"), "a tensor went through shared memory")
        for process in placement.processes.values():
            process.kill()
            process.popen.wait()
        dead = left(".sock", ".shm", ".live")
        self.assertTrue({"text.sock", "router.sock"} <= dead, dead)
        segments = left(".shm", ".live")
        stranger = socket.socket(socket.AF_UNIX)
        self.enterContext(contextlib.closing(stranger))
        stranger.bind(str(run / "elder.sock"))
        stranger.close()
        for process in placement.processes.values():
            process.start()
        placement.wait_ready(2)
        self.assertFalse(segments & left(".shm", ".live"), "segments of the dead")
        self.assertFalse((run / "elder.sock").exists())
        self.assertRegex(placement.log(), "swept what dead processes left")
        self.assertEqual(placement.post(*embed)[1]["data"], want)

    def test_fault_28_a_process_that_lives_keeps_its_files_when_another_sweeps(self):
        placement = self.enterContext(placements.three_processes(2, fault_test.CONFIG))
        placement.wait_ready(2)
        want = fault_test.undisturbed(placement, 2)
        ends = streams(placement, 3)
        placement.processes["text1"].restart()
        self.assertEqual([error for _, error in ends()], [None] * 3)
        placement.wait_ready(2)
        self.assertEqual(fault_test.undisturbed(placement, 2), want)

    def test_fault_28_a_full_run_folder_makes_tensors_travel_as_frames(self):
        done = subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("no mount namespaces here")
        with tempfile.TemporaryDirectory(prefix="zn-") as folder:
            done = subprocess.run(["unshare", "-Urm", "sh", "-c", 'mount -t tmpfs -o size=96k none "$0" && exec "$@"', folder,
                                   sys.executable, __file__, "--in-full-folder", folder], capture_output=True, text=True,
                                  timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("the same answers", done.stdout)


def in_full_folder(folder):
    """In a mount namespace of its own: `folder` has room for sockets and locks, and for no segment."""
    embed = ("/v1/embeddings", {"model": "minilm-l6", "input": [f"number {i}" for i in range(40)]})
    answers = []
    for run, bytes_, segments in ((None, "0", False), (None, "1", True), (folder, "1", False)):
        environment = {"ZENITH_LINKS_SHARED_BYTES": bytes_, **({"ZENITH_RUN_DIR": run} if run else {})}
        with placements.three_processes(1, placements.IPC, environment) as placement:
            placement.wait_ready(2)
            status, answer, _ = placement.post(*embed)
            assert status == 200, f"{answer}\n{placement.log()}"
            answers.append(answer["data"])
            found = list(pathlib.Path(placement.environment["ZENITH_RUN_DIR"]).glob("*.shm"))
            assert bool(found) == segments, f"{found} in {run}"
        assert set(placement.codes.values()) == {0}, f"{placement.codes}\n{placement.log()}"
    assert answers[0] == answers[1] == answers[2]
    print("the same answers")


class Configuration(unittest.TestCase):
    def test_fault_39_sighup_with_a_wrong_file_names_its_line_in_every_process_and_changes_nothing(self):
        placement = self.enterContext(placements.three_processes(1, fault_test.CONFIG))
        placement.wait_ready(1)
        want = fault_test.undisturbed(placement, 2)
        line = len(fault_test.CONFIG.splitlines()) + 2
        placement.config.write_text(fault_test.CONFIG + '[log]\nlevle = "debug"\n')
        ends = streams(placement, 2)
        for process in placement.processes.values():
            process.kill(signal.SIGHUP)
        self.assertEqual([error for _, error in ends()], [None] * 2)
        until = time.monotonic() + 30
        for process in placement.processes.values():
            while not any(f"zenith.toml:{line}:" in said for said in process.lines) and time.monotonic() < until:
                time.sleep(0.05)
            said = "".join(process.lines)
            self.assertIn(f"zenith.toml:{line}:", said, process.name)
            self.assertIn("the old one stays", said)
            self.assertIsNone(process.popen.poll())
        self.assertEqual(fault_test.undisturbed(placement, 2), want)

    def test_fault_39_a_second_sigterm_ends_a_draining_process_at_once_and_its_requests_go_on_elsewhere(self):
        placement = self.enterContext(placements.three_processes(2, fault_test.CONFIG))
        placement.wait_ready(2)
        want = fault_test.undisturbed(placement, 4, 200)
        ends = streams(placement, 4, 200)
        for _ in range(2):
            placement.processes["text0"].kill(signal.SIGTERM)
        self.assertIn(placement.processes["text0"].end(), (0, -signal.SIGTERM))
        self.assertEqual(ends(), [(text, None) for text in want])


class WallClock(unittest.TestCase):
    def test_fault_40_the_wall_clock_steps_by_an_hour_and_no_deadline_moves(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="zn-")))
        library, step = folder / "wall_clock.so", folder / "step"
        source = pathlib.Path(__file__).with_name("wall_clock.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True, timeout=120)
        step.write_text("0")
        placement = placements.three_processes(1, fault_test.CONFIG, {"LD_PRELOAD": str(library), "ZENITH_TEST_STEP": str(step)})
        self.enterContext(placement)
        placement.wait_ready(1)
        want = fault_test.undisturbed(placement, 3, 120)

        def created():
            return placement.post("/v1/completions", fault_test.body(0, 2))[1]["created"]
        for seconds in (3600, -3600, 0):
            with self.subTest(step=seconds):
                before, ends = created(), streams(placement, 3)
                log = len(placement.log().splitlines())
                old = int(step.read_text())
                step.write_text(str(seconds))
                self.assertEqual(ends(), [(text, None) for text in want])
                self.assertAlmostEqual(created() - before, seconds - old, delta=300, msg="the clock did step")
                self.assertEqual(placement.services()[0], 200)
                self.assertEqual(placement.log().splitlines()[log:], [], "no link was lost, no deadline passed")

    def test_fault_40_only_the_clock_itself_reads_the_wall(self):
        """Deadlines are on the monotonic clock because nothing else can be written."""
        root = pathlib.Path(os.environ["ZENITH_SOURCE_DIR"])
        words = ("system_clock", "gettimeofday", "CLOCK_REALTIME", "std::time(", "::time(nullptr")
        readers = {}
        for module in ("core", "kernels", "models", "messages", "wire", "actors", "links", "gateway", "services", "tools"):
            for path in (root / module).rglob("*.[ch]pp"):
                found = [word for word in words if word in path.read_text()]
                if found:
                    readers[str(path.relative_to(root))] = found
        self.assertEqual(readers, {"core/include/zenith/core/clock.hpp": ["system_clock"]})


class Split(unittest.TestCase):
    """Fault 42: the gateway's side loses sight of a service, which computes on; then all see each other again."""

    def setUp(self):
        order = [("router", "router"), ("text-1", "text", "--id", "text-1"), ("text-2", "text", "--id", "text-2"), ("gateway", "gateway")]
        self.placement = placements.Placement("", order)
        run = self.placement.root / "run"
        run.mkdir(mode=0o700)
        ends = [(f"ipc://{self.placement.root}/near-{i}.sock", f"ipc://{run}/text-{i}.sock") for i in (1, 2)]
        config = '[[service]]\nrole = "router"\nid = "router"\n'
        for i, (near, real) in enumerate(ends, 1):
            config += f'[[service]]\nrole = "text"\nid = "text-{i}"\nmodel = "{MODEL}"\nendpoint = "{near}"\nbind = "{real}"\n'
        self.placement.config.write_text(config + '[[service]]\nrole = "gateway"\nid = "gateway"\n')
        self.proxies = [proxy.Chaos(*one) for one in ends]
        self.enterContext(proxy.Thread(*self.proxies))
        self.enterContext(self.placement)
        self.placement.wait_ready(2)

    def test_fault_42_a_split_and_its_heal_stream_nothing_twice(self):
        want = fault_test.undisturbed(self.placement, 6, 150)
        for split in (self.proxies[0], self.proxies[1], self.proxies[0]):
            before = streams(self.placement, 3, 150)
            split.split = True
            meanwhile = streams(self.placement, 3, 150, first=3, begun=False)
            time.sleep(0.8)
            split.split = False   # what was held back comes now, late
            self.assertEqual(before() + meanwhile(), [(text, None) for text in want])
            self.assertGreater(split.held_back, 0, "nothing was on the way: no split")
            self.placement.wait_ready(2)
        system = json.loads(self.placement.get("/v1/system")[1])
        self.assertEqual(sum(link["open_requests"] for link in system["links"]), 0)

    def test_fault_42_with_both_sides_split_every_request_ends_once(self):
        want = fault_test.undisturbed(self.placement, 6, 150)
        before = streams(self.placement, 3, 150)
        for one in self.proxies:
            one.split = True
        meanwhile = streams(self.placement, 3, 150, first=3, begun=False)
        time.sleep(7)   # longer than a link's patience
        for one in self.proxies:
            one.split = False
        for (text, error), whole in zip(before() + meanwhile(), want):
            self.assertTrue(whole.startswith(text), f"{text!r} is no beginning of {whole!r}")
            self.assertTrue(error or text == whole)
        self.placement.wait_ready(2)
        self.assertEqual(fault_test.undisturbed(self.placement, 6, 150), want)


if __name__ == "__main__":
    if "--in-full-folder" in sys.argv:
        in_full_folder(sys.argv[2])
    else:
        unittest.main()
