"""The Python client against a running `zenith serve text`, over ipc: hello, tokens, a stream under credit, cancel, and peers that break
the rules."""
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import xxhash
import zmq

import zenith_wire as wire
from zenith_wire import Kind

EXE, SOURCE = os.environ["ZENITH_EXE"], pathlib.Path(os.environ["ZENITH_SOURCE_DIR"])
MODEL = "smollm2-135m"
CONFIG = f'[[service]]\nrole = "text"\nid = "text"\nmodel = ["{MODEL}", "minilm-l6"]\n'
READY = "Zenith text is ready at "


class Live(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="zw-")
        root = pathlib.Path(cls.folder.name)
        (root / "zenith.toml").write_text(CONFIG)
        cls.server = subprocess.Popen([EXE, "serve", "--offline", "text", "--config", str(root / "zenith.toml")], text=True,
                                      env={**os.environ, "ZENITH_RUN_DIR": str(root / "run")}, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
        alarm = threading.Timer(180, cls.server.kill)
        alarm.start()
        log = ""
        for line in cls.server.stdout:
            log += line
            if line.startswith(READY):
                break
        alarm.cancel()
        assert READY in log, log
        cls.endpoint = line.removeprefix(READY).strip()
        threading.Thread(target=cls.server.stdout.read, daemon=True).start()
        cls.bodies = wire.Bodies(SOURCE / "links" / "schema", root)

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        code = cls.server.wait(60)
        cls.folder.cleanup()
        assert code == 0, f"the service ended with {code}"

    def dial(self):
        client = wire.Client(self.endpoint, self.bodies, 30)
        self.addCleanup(client.close)
        return client

    def test_hello_says_who_serves(self):
        client = self.dial()
        self.assertEqual(client.peer.id, b"text")
        self.assertTrue(client.peer.numerics)
        self.assertGreater(client.window, 0)

    def test_tokens_are_those_of_the_command_line(self):
        text = "Grüß Gott, 世界 🌍"
        printed = subprocess.run([EXE, "tokenize", MODEL], input=text, capture_output=True, text=True, check=True, timeout=60).stdout
        self.assertEqual(self.dial().tokenize(MODEL, text), json.loads(printed))

    def test_a_stream_is_whole_in_order_and_the_same_again(self):
        texts = []
        for _ in range(2):
            events = list(self.dial().generate(MODEL, "Count to three.", max_tokens=12))
            names = [type(e).__name__ for e in events]
            self.assertEqual((names[0], names[-2], names[-1]), ("StartedT", "ChoiceEndT", "FinishedT"))
            self.assertEqual(set(names[1:-2]), {"DeltaT"})
            self.assertEqual(events[-1].completionTokens, 12)
            texts.append(b"".join(e.content or b"" for e in events[1:-2]))
        self.assertTrue(texts[0])
        self.assertEqual(*texts)

    def test_embeddings_are_unit_vectors(self):
        vectors = self.dial().embed("minilm-l6", ["one", "two", "three"])
        self.assertEqual([len(v) for v in vectors], [384] * 3)
        for vector in vectors:
            self.assertAlmostEqual(sum(x * x for x in vector), 1, 4)

    def test_without_grants_the_stream_pauses_and_goes_on_when_they_come(self):
        client = self.dial()
        b = self.bodies
        table = b.Generate(model=MODEL, promptType=b.union("Prompt", "Text"), prompt=b.Text(text="Once upon a time"), maxTokens=20,
                           sampling=b.Sampling(temperature=0.0), creditEvents=4)
        request_id, until = client.request("Generate", table, 60)
        taken = [client.answer(request_id, until) for _ in range(1 + 4)]   # Started is not counted
        with self.assertRaises(TimeoutError):
            client.answer(request_id, time.monotonic() + 1)
        while not taken[-1].header.flags & wire.LAST:
            client.send(wire.Message(wire.Header(kind=Kind.grant, request_id=request_id), b.encode(b.Grant(events=1))))
            taken.append(client.answer(request_id, until))
        self.assertEqual(taken[-1].header.kind, Kind.event)
        self.assertEqual(b.decode(Kind.event, taken[-1].body).happening.completionTokens, 20)

    def test_a_lost_generation_goes_on_with_the_tokens_that_came(self):
        b = self.bodies

        def table(resume=None):
            return b.Generate(model=MODEL, promptType=b.union("Prompt", "Text"), prompt=b.Text(text="Once upon a time"), maxTokens=16,
                              sampling=b.Sampling(temperature=0.8, seed=11), nowUnixSeconds=1_700_000_000, resume=resume)

        def run(client, request, attempt, most):
            """Text and tokens of at most so many deltas."""
            request_id, until = client.request("Generate", request, 60, attempt)
            text, tokens = b"", []
            while most > 0:
                message = client.answer(request_id, until)
                event = b.decode(Kind.event, message.body).happening
                if type(event).__name__ == "DeltaT":
                    most, text = most - 1, text + (event.content or b"")
                    tokens += [] if event.tokens is None else [int(t) for t in event.tokens]
                if message.header.flags & wire.LAST:
                    break
            return text, tokens

        whole, all_tokens = run(self.dial(), table(), 1, 1000)
        self.assertEqual(len(all_tokens), 16)
        first, tokens = run(self.dial(), table(), 1, 5)   # and then this client is gone
        rest, more = run(self.dial(), table([b.Resume(tokens=tokens, echoed=True)]), 2, 1000)
        self.assertEqual(first + rest, whole)
        self.assertEqual(tokens + more, all_tokens)

    def test_after_a_cancel_nothing_more_comes_and_the_session_goes_on(self):
        client = self.dial()
        stream = client.generate(MODEL, "Tell a long story.", max_tokens=400, window=1000)
        self.assertEqual(type(next(stream)).__name__, "StartedT")
        cancelled = client.last_id
        client.send(wire.Message(wire.Header(kind=Kind.cancel, request_id=cancelled)))
        self.assertTrue(client.tokenize(MODEL, "after"))
        late = []
        with self.assertRaises(TimeoutError):
            while True:
                late.append(client.receive(time.monotonic() + 1).header)
        self.assertFalse([h for h in late if h.flags & wire.LAST], "a cancelled request has no end")

    def test_a_request_that_cannot_be_served_is_a_typed_error(self):
        client = self.dial()
        with self.assertRaises(wire.RequestFailed) as failed:
            client.tokenize("no-such-model", "x")
        self.assertEqual(failed.exception.error.code, 4)
        message = wire.Message(wire.Header(kind=Kind.request, request_id=77, budget_us=1_000_000), b"\x08\0\0\0 no body at all")
        client.send(message)
        with self.assertRaises((wire.RequestFailed, wire.LinkLost)):
            client.answer(77, time.monotonic() + 10)

    # ---- peers that break the rules; a good one beside them does not notice

    def stranger(self):
        socket = zmq.Context.instance().socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(self.endpoint)
        self.addCleanup(socket.close)
        return socket

    def hello(self, **fields):
        header = wire.Header(kind=Kind.hello, epoch=99, session=1, **fields)
        return wire.to_frames(wire.Message(header, self.bodies.encode(self.bodies.Hello(id="stranger"))))

    def test_another_major_is_refused_with_both_versions(self):
        socket = self.stranger()
        frames = self.hello(major=2)
        socket.send_multipart(frames)
        self.assertTrue(socket.poll(10_000), "a refusal comes")
        goodbye = wire.from_frames(socket.recv_multipart())
        self.assertEqual(goodbye.header.kind, Kind.goodbye)
        error = self.bodies.decode(Kind.goodbye, goodbye.body)
        self.assertEqual(error.code, 1)
        self.assertIn(b"2.0", error.message)
        self.assertIn(b"1.0", error.message)

    def test_rubbish_ends_no_session_but_its_own(self):
        good = self.dial()
        self.assertTrue(good.tokenize(MODEL, "before"))
        frames = self.hello()
        wrong_hash = bytearray(frames[0])
        wrong_hash[20] ^= 1
        more_frames = bytearray(frames[0])
        more_frames[13] = 2
        more_frames[120:128] = struct.pack("<Q", xxhash.xxh3_64_intdigest(bytes(more_frames[:120])))
        for rubbish in ([b""], [b"x" * 1000], [frames[0][:127]], [bytes(wrong_hash)], [bytes(more_frames)], [*frames, b"extra"],
                        [b"y"] * 5000):
            self.stranger().send_multipart(rubbish)
        self.assertTrue(good.tokenize(MODEL, "after"))

    def test_a_gap_in_the_sequence_ends_the_session(self):
        client = self.dial()
        client.next_out += 3
        with self.assertRaises(wire.LinkLost):
            client.tokenize(MODEL, "x")


if __name__ == "__main__":
    unittest.main()
