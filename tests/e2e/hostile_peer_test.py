"""Peers that flood, trickle or talk rubbish, with keys and without: each ends in a bounded refusal, and beside it every request is
answered with the same text as ever. Numbers are those of docs/faults.md."""
import contextlib
import os
import pathlib
import subprocess
import threading
import time
import unittest

import zmq

import fault_test
import hostile
import placements

MODEL = fault_test.TINY
GIB = 1 << 30
# What libzmq may keep of one message (wire/include/zenith/wire/sockets.hpp), and what comes until that is noticed.
MOST_MIB = 1152 + 2048


class Beside:
    """Asks all the time while the context is open; `wrong` tells of every answer that was not the known one."""

    def __init__(self, placement):
        self.placement, self.over, self.wrong, self.answers = placement, threading.Event(), [], 0
        self.want = fault_test.undisturbed(placement, 4, 40)
        self.thread = threading.Thread(target=self.ask, daemon=True)

    def ask(self):
        while not self.over.is_set():
            i = self.answers % 4
            got = fault_test.Reader(self.placement, i, 40)
            if got.error or got.text != self.want[i]:
                self.wrong.append((i, got.error, got.text))
            self.answers += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(120)


class OverIpc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.placement = placements.three_processes(1, fault_test.CONFIG)
        cls.enterClassContext(cls.placement)
        cls.placement.wait_ready(1)

    def endpoint(self, name):
        return f"ipc://{self.placement.root}/run/{name}.sock"

    def pid(self, name):
        return self.placement.processes[name].popen.pid

    def endless(self, process, endpoint, size):
        piece = hostile.frame(size) * max(1, (1 << 16) // size)
        with Beside(self.placement) as beside, hostile.Peak(self.pid(process)) as peak, hostile.zmtp(endpoint) as raw:
            sent, cut = hostile.flood(raw, piece, lambda _: peak.mib > peak.before + MOST_MIB)
        print(f"{process}, frames of {size}: {sent >> 20} MiB taken, {peak.before} -> {peak.mib} MiB, {beside.answers} answers beside")
        self.assertTrue(cut, f"{sent} bytes were taken, {peak.mib} MiB are held")
        self.assertLess(peak.mib, peak.before + MOST_MIB)
        self.assertEqual(beside.wrong, [])
        self.assertGreater(beside.answers, 0)
        self.assertIn("its message does not end", self.placement.log())

    def test_fault_14_an_endless_message_of_large_frames_is_cut_and_the_memory_given_back(self):
        self.endless("text0", self.endpoint("text"), 1 << 20)
        until = time.monotonic() + 60
        while hostile.rss_mib(self.pid("text0")) > 300 and time.monotonic() < until:
            time.sleep(0.1)
        self.assertLess(hostile.rss_mib(self.pid("text0")), 300)

    def test_fault_14_an_endless_message_of_small_frames_is_cut(self):
        self.endless("text0", self.endpoint("text"), 16)

    def test_fault_14_an_endless_message_at_the_directory_is_cut_again_and_again(self):
        for _ in range(2):
            self.endless("router", self.endpoint("router"), 1 << 20)

    def test_fault_15_a_frame_over_a_gibibyte_is_refused_at_its_length(self):
        for size in (GIB + 1, 1 << 40, (1 << 63) - 1):
            with self.subTest(size=size), Beside(self.placement) as beside, hostile.Peak(self.pid("text0")) as peak, \
                    hostile.zmtp(self.endpoint("text")) as raw:
                raw.sendall(hostile.frame(size, more=False, filled=False))
                sent, cut = hostile.flood(raw, bytes(1 << 20), lambda sent: sent > GIB)
                print(f"a frame of {size}: {sent >> 20} MiB taken, {peak.before} -> {peak.mib} MiB")
                self.assertTrue(cut)
                self.assertLess(sent, 64 << 20)
            self.assertLess(peak.mib, peak.before + 256)
            self.assertEqual(beside.wrong, [])

    def test_fault_16_rubbish_and_silence_on_the_sockets_of_links_are_ended(self):
        for process, name in (("text0", "text"), ("router", "router")):
            with self.subTest(process=process), contextlib.ExitStack() as stack, Beside(self.placement) as beside:
                before = hostile.open_files(self.pid(process))
                strangers = [stack.enter_context(hostile.connect(self.endpoint(name))) for _ in range(30)]
                for i, stranger in enumerate(strangers):
                    if i % 3 == 0:
                        stranger.sendall(os.urandom(1000))
                    elif i % 3 == 1:
                        stranger.sendall(hostile.GREETING[:i])   # and nothing more
                self.assertEqual([i for i, s in enumerate(strangers) if not hostile.is_cut(s, 60)], [])
                until = time.monotonic() + 60
                while hostile.open_files(self.pid(process)) > before and time.monotonic() < until:
                    time.sleep(0.1)
                self.assertLessEqual(hostile.open_files(self.pid(process)), before)
            self.assertEqual(beside.wrong, [])
            self.assertGreater(beside.answers, 0)

    def test_fault_16_rubbish_and_a_trickle_on_the_http_port_are_ended(self):
        endpoint = f"http://127.0.0.1:{self.placement.port}"
        with contextlib.ExitStack() as stack, Beside(self.placement) as beside:
            rubbish, slow, silent = ([stack.enter_context(hostile.connect(endpoint)) for _ in range(10)] for _ in range(3))
            for one in rubbish:
                one.sendall(os.urandom(500) + b"\r\n\r\n")
            begun, ended = time.monotonic(), set()
            while len(ended) < len(slow) and time.monotonic() < begun + 120:
                for i, one in enumerate(slow):
                    if i not in ended:
                        try:
                            one.sendall(b"GET /healthz HTTP/1.1\r\n" if i % 2 else b"x")
                        except OSError:
                            ended.add(i)
                time.sleep(0.5)
            self.assertEqual(len(ended), len(slow), "a head that never ends")
            self.assertEqual([i for i, s in enumerate(rubbish) if not hostile.is_cut(s, 60)], [])
            self.assertEqual([i for i, s in enumerate(silent) if not hostile.is_cut(s, 120)], [])
        self.assertEqual(beside.wrong, [])
        self.assertGreater(beside.answers, 0)


def tcp_config(ports):
    return (f'[[service]]\nrole = "router"\nid = "router"\nendpoint = "tcp://127.0.0.1:{ports[0]}"\n'
            f'[[service]]\nrole = "text"\nid = "text-1"\nmodel = "{MODEL}"\nendpoint = "tcp://127.0.0.1:{ports[1]}"\n'
            '[[service]]\nrole = "gateway"\nid = "gateway"\n')


class OverTcp(unittest.TestCase):
    def placement(self):
        """Not started yet; with every key where it belongs."""
        ports = [placements.free_port() for _ in range(2)]
        placement = placements.Placement(tcp_config(ports), [("router", "router"), ("text-1", "text"), ("gateway", "gateway")])
        self.addCleanup(placement.__exit__)
        placement.ports = ports
        placement.keys = pathlib.Path(placement.environment["ZENITH_CURVE_DIR"])
        for name in ("router", "text-1", "gateway"):
            self.make_keys(placement.keys, name)
        return placement

    def make_keys(self, folder, name, allow=True):
        subprocess.run([placements.EXE, "keys", "--dir", str(folder), "--name", name, *(["--allow"] if allow else [])], check=True,
                       stdout=subprocess.DEVNULL)

    def start(self, placement):
        for name, *arguments in placement.order:
            placement.add(name, *arguments)

    def wait_for(self, what, done, seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(OSError, ValueError):
                if done():
                    return
            time.sleep(0.1)
        self.fail(f"{what} did not come")

    def not_ready_because(self, placement, *words):
        """/readyz says 503 and why; a request is refused at once, not queued."""
        said = []

        def refused():
            status, body = placement.services()
            said[:] = [status, " ".join(s["detail"] for s in body["services"])]
            return status == 503 and all(word in said[1] for word in words)
        try:
            self.wait_for(f"503 with {words}", refused)
        except AssertionError as error:
            raise AssertionError(f"{error}: {said}\n{placement.log()}") from None
        status, answer, _ = placement.post("/v1/completions", fault_test.body(1, 4))
        self.assertIn(status, (404, 503), answer)

    def test_fault_17_a_key_that_the_directory_does_not_know_is_an_event_and_a_failed_readiness(self):
        placement = self.placement()
        (placement.keys / "allow/gateway.public").unlink()
        self.start(placement)
        self.not_ready_because(placement, "directory", f"tcp://127.0.0.1:{placement.ports[0]}", "curve.allow")
        key = (placement.keys / "gateway.public").read_text().strip()

        def lines(process, word):
            return [line for line in placement.processes[process].lines if word in line and "level=warn" in line]
        self.wait_for("the directory's event", lambda: any(key in line.replace("\\", "") for line in lines("router", "allow folder")))
        self.assertEqual(len(lines("router", "allow folder")), 1, "once for each key")
        self.assertTrue(lines("gateway", "curve.allow"))
        self.make_keys_known(placement, "gateway")
        placement.wait_ready(1)

    def make_keys_known(self, placement, name):
        (placement.keys / f"allow/{name}.public").write_text((placement.keys / f"{name}.public").read_text())

    def test_fault_17_another_key_in_the_directorys_name_is_an_event_and_a_failed_readiness(self):
        placement = self.placement()
        other = placement.root / "other"
        self.make_keys(other, "router", allow=False)
        real = (placement.keys / "router.public").read_text()
        self.start(placement)
        placement.wait_ready(1)
        (placement.keys / "router.public").write_text((other / "router.public").read_text())
        placement.processes["gateway"].restart()
        self.not_ready_because(placement, "directory", f"tcp://127.0.0.1:{placement.ports[0]}", "CURVE")
        self.assertTrue([line for line in placement.processes["gateway"].lines if "level=warn" in line and "CURVE" in line])
        (placement.keys / "router.public").write_text(real)
        placement.processes["gateway"].restart()
        placement.wait_ready(1)

    def test_fault_17_a_service_that_does_not_know_the_gateway_is_named_in_readyz(self):
        placement = self.placement()
        mine = placement.root / "mine"
        mine.mkdir()
        for name in ("router", "text-1"):
            (mine / f"{name}.public").write_text((placement.keys / f"{name}.public").read_text())
        placement.add("router", "router")
        placement.environment["ZENITH_CURVE_ALLOW"] = str(mine)
        placement.add("text-1", "text")
        del placement.environment["ZENITH_CURVE_ALLOW"]
        placement.add("gateway", "gateway")
        self.not_ready_because(placement, f"tcp://127.0.0.1:{placement.ports[1]}", "curve.allow")
        self.assertTrue([line for line in placement.processes["text-1"].lines if "allow folder" in line])
        (mine / "gateway.public").write_text((placement.keys / "gateway.public").read_text())
        placement.wait_ready(1)

    def test_fault_15_a_frame_over_the_limit_of_tcp_cuts_only_who_sent_it(self):
        placement = self.placement()
        self.make_keys(placement.keys, "wild")
        self.start(placement)
        placement.wait_ready(1)
        public, secret = ((placement.keys / f"wild.{half}").read_text().strip().encode() for half in ("public", "secret"))
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        wild = context.socket(zmq.DEALER)
        wild.curve_publickey, wild.curve_secretkey = public, secret
        wild.curve_serverkey = (placement.keys / "text-1.public").read_text().strip().encode()
        wild.linger, wild.immediate, wild.sndtimeo = 0, 1, 30_000
        monitor = wild.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        pid = placement.processes["text-1"].popen.pid
        with Beside(placement) as beside, hostile.Peak(pid) as peak:
            wild.connect(f"tcp://127.0.0.1:{placement.ports[1]}")
            self.assertEqual(self.event(monitor), zmq.EVENT_HANDSHAKE_SUCCEEDED)
            wild.send(bytes(GIB), copy=False)
            self.assertEqual(self.event(monitor), zmq.EVENT_DISCONNECTED)
        print(f"a frame of 1 GiB over TCP: {peak.before} -> {peak.mib} MiB, {beside.answers} answers beside")
        self.assertLess(peak.mib, peak.before + 256)
        self.assertEqual(beside.wrong, [])

    def event(self, monitor):
        self.assertTrue(monitor.poll(60_000), "no event")
        return int.from_bytes(monitor.recv_multipart()[0][:2], "little")

    def test_fault_16_rubbish_and_silence_on_tcp_are_ended_at_the_handshake(self):
        placement = self.placement()
        self.start(placement)
        placement.wait_ready(1)
        with contextlib.ExitStack() as stack, Beside(placement) as beside:
            for port in placement.ports:
                strangers = [stack.enter_context(hostile.connect(f"tcp://127.0.0.1:{port}")) for _ in range(20)]
                for i, stranger in enumerate(strangers):
                    if i % 2:
                        stranger.sendall(os.urandom(1000) if i % 4 == 1 else hostile.GREETING)   # no CURVE
                self.assertEqual([i for i, s in enumerate(strangers) if not hostile.is_cut(s, 60)], [])
        self.assertEqual(beside.wrong, [])
        self.assertGreater(beside.answers, 0)


class Numerics(unittest.TestCase):
    def test_fault_4_a_service_with_other_numerics_is_refused_by_name(self):
        config = '[[service]]\nrole = "router"\nid = "router"\n[[service]]\nrole = "gateway"\nid = "gateway"\n'
        for name, numerics in (("one", "fast"), ("two", "exact")):
            config += f'[[service]]\nrole = "text"\nid = "{name}"\nmodel = "{MODEL}"\nnumerics = "{numerics}"\n'
        placement = placements.Placement(config, [("router", "router"), ("gateway", "gateway"), ("one", "text", "--id", "one")])
        self.enterContext(placement)
        placement.wait_ready(1)
        want = fault_test.undisturbed(placement, 2)
        placement.add("two", "text", "--id", "two")
        until, line = time.monotonic() + 60, {}
        while "numerics" not in line.get("detail", "") and time.monotonic() < until:
            line = next((s for s in placement.services()[1]["services"] if s["id"] == "two"), {})
            time.sleep(0.1)
        self.assertEqual(line.get("status"), "failed", f"{line}\n{placement.log()}")
        self.assertRegex(line["detail"], r"numerics '.* exact', service 'one' has '.* fast'")
        self.assertEqual(placement.services()[0], 200, "the first one serves")
        self.assertEqual(fault_test.undisturbed(placement, 2), want)


if __name__ == "__main__":
    unittest.main()
