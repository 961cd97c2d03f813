"""A service that says things twice, too late, for others, or out of order, written from docs/wire.md: what it says wrongly is dropped or
ends its own request with a typed error, and the gateway goes on."""
import json
import os
import pathlib
import sys
import tempfile
import threading
import time
import unittest

import zmq

import fault_test
import hostile_peer_test
import placements

SOURCE = pathlib.Path(os.environ["ZENITH_SOURCE_DIR"])
sys.path.insert(0, str(SOURCE / "tests/wire"))
import zenith_wire as wire  # noqa: E402
from zenith_wire import Kind  # noqa: E402

PIECES = ["one ", "two ", "three ", "four"]
WHOLE = "".join(PIECES)


class Rogue:
    """Announces one model for each of its ways to answer, and answers so."""

    def __init__(self, placement, bodies, ways):
        self.bodies, self.ways = bodies, ways
        self.endpoint, self.over = f"ipc://{placement.root}/rogue.sock", threading.Event()
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(self.endpoint)
        self.sessions, self.failure = {}, None   # by route: (session, sequence)
        self.directory = wire.Client(f"ipc://{placement.root}/run/router.sock", bodies, 30)
        self.epoch = self.directory.epoch  # one process announces what it serves itself
        self.directory.send(wire.Message(wire.Header(kind=Kind.announce), bodies.encode(bodies.Announcement(members=[
            bodies.Member(role=2, id=f"rogue-{name}", health=1, modelName=name, epoch=self.epoch, endpoint=self.endpoint, numerics="x",
                          model=bodies.ModelEntry(name=name, contextLength=1000, generation=5), load=bodies.Load())
            for name in ways]))))
        self.threads = [threading.Thread(target=self.run, args=(step,), daemon=True) for step in (self.serve, self.stay)]
        for thread in self.threads:
            thread.start()

    def close(self):
        self.over.set()
        for thread in self.threads:
            thread.join(10)
        self.directory.close()
        self.socket.close()
        self.context.term()

    def run(self, step):
        try:
            while not self.over.is_set():
                step()
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error

    def stay(self):
        try:
            self.directory.receive(time.monotonic() + 0.2)
        except TimeoutError:
            pass

    def serve(self):
        if not self.socket.poll(100):
            return
        route, *frames = self.socket.recv_multipart()
        message = wire.from_frames(frames)
        header = message.header
        if header.kind == Kind.hello:
            self.sessions[route] = [header.session, 0]
            welcome = wire.Header(kind=Kind.welcome, epoch=self.epoch, session=header.session, credit_requests=64, credit_kib=1 << 16)
            self.put(route, wire.Message(welcome, self.bodies.encode(self.bodies.Hello(role="text", id="rogue", numerics="x"))))
        elif header.kind == Kind.ping:
            self.say(route, Kind.pong, header.request_id)
        elif header.kind == Kind.request:
            request = self.bodies.decode(Kind.request, message.body).work
            self.ways[request.model.decode()](self, route, header)

    def put(self, route, message):
        self.socket.send_multipart([route, *wire.to_frames(message)])

    def say(self, route, kind, request_id, body=b"", flags=0, again=1, **other):
        """`again` times with one number; `other` changes the header, and then the number is not counted."""
        session, number = self.sessions[route]
        fields = {"epoch": self.epoch, "session": session, "sequence": number, "attempt": 1, **other}
        for _ in range(again):
            self.put(route, wire.Message(wire.Header(kind=kind, request_id=request_id, flags=flags, **fields), body))
        if not other:
            self.sessions[route][1] += 1

    def event(self, route, header, name, last=False, request_id=None, again=1, other=None, **fields):
        b = self.bodies
        body = b.encode(b.Event(happeningType=b.union("Happening", name), happening=getattr(b, name)(**fields)))
        self.say(route, Kind.event, request_id or header.request_id, body, wire.LAST if last else 0, again, **(other or {}))

    def whole(self, route, header, each=lambda: None, again=1):
        self.event(route, header, "Started", promptTokens=1, again=again)
        for token, piece in enumerate(PIECES):
            each()
            self.event(route, header, "Delta", content=piece, tokens=[token], again=again)
        self.event(route, header, "ChoiceEnd", completionTokens=4, again=again)
        self.event(route, header, "Finished", True, promptTokens=1, completionTokens=4, again=again)


def good(rogue, route, header):
    rogue.whole(route, header)


def twice(rogue, route, header):
    rogue.whole(route, header, again=2)


def after_the_end(rogue, route, header):
    rogue.whole(route, header)
    rogue.event(route, header, "Delta", content="too late", tokens=[9])
    rogue.event(route, header, "Finished", True, completionTokens=9)


def of_others(rogue, route, header):
    session = rogue.sessions[route][0]

    def strange():
        for other in ({"epoch": 78}, {"session": session + 1}, {"session": session - 1}):
            rogue.event(route, header, "Delta", content="of another", tokens=[9], other=other)
        rogue.event(route, header, "Delta", content="for nobody", tokens=[9], request_id=1 << 60)
    rogue.whole(route, header, strange)


def after_a_cancel(rogue, route, header):
    """Sends without credit until long after the client has gone."""
    rogue.event(route, header, "Started", promptTokens=1)
    for _ in range(100):
        rogue.event(route, header, "Delta", content="and ", tokens=[1])
        time.sleep(0.01)
    rogue.event(route, header, "ChoiceEnd", completionTokens=100)
    rogue.event(route, header, "Finished", True, completionTokens=100)


def of_no_choice(rogue, route, header):
    rogue.event(route, header, "Started", promptTokens=1)
    rogue.event(route, header, "Delta", choice=4_000_000_000, content="whose?", tokens=[1])
    rogue.event(route, header, "ChoiceEnd", choice=4_000_000_000, completionTokens=1)
    rogue.event(route, header, "Finished", True, completionTokens=1)


def rubbish(rogue, route, header):
    rogue.event(route, header, "Started", promptTokens=1)
    rogue.say(route, Kind.event, header.request_id, os.urandom(200))


def gap(rogue, route, header):
    rogue.event(route, header, "Started", promptTokens=1)
    rogue.sessions[route][1] += 5
    rogue.event(route, header, "Delta", content="five are missing", tokens=[1])


def nothing_but_the_end(rogue, route, header):
    rogue.event(route, header, "Finished", True, completionTokens=0)


WAYS = [good, twice, after_the_end, of_others, after_a_cancel, of_no_choice, rubbish, gap, nothing_but_the_end]


class RogueServiceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.placement = placements.three_processes(1, fault_test.CONFIG)
        cls.enterClassContext(cls.placement)
        cls.placement.wait_ready(1)
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="zw-"))
        cls.rogue = Rogue(cls.placement, wire.Bodies(SOURCE / "links/schema", folder), {way.__name__: way for way in WAYS})
        cls.addClassCleanup(cls.rogue.close)
        cls.placement.wait_ready(1 + len(WAYS))

    def setUp(self):
        self.beside = self.enterContext(hostile_peer_test.Beside(self.placement))

    def tearDown(self):
        self.assertIsNone(self.rogue.failure)
        self.assertEqual(self.beside.wrong, [])
        self.placement.wait_ready(1 + len(WAYS))
        self.assertEqual(self.ask(good), WHOLE, "the link serves on, or was made anew")
        self.assertEqual(self.placement.processes["gateway"].popen.poll(), None)

    def ask(self, way):
        """@returns the text, or the error."""
        status, answer, _ = self.placement.post("/v1/completions", {"model": way.__name__, "prompt": "count", "max_tokens": 50}, 60)
        return answer["choices"][0]["text"] if status == 200 else answer["error"]

    def streamed(self, way):
        chunks = [c for _, c in self.placement.stream("/v1/completions", {"model": way.__name__, "prompt": "count", "max_tokens": 50}, 60)]
        return "".join(choice.get("text") or "" for chunk in chunks for choice in chunk.get("choices", []))

    def is_explicit(self, error):
        self.assertIsInstance(error, dict)
        self.assertTrue(error["message"] and error["code"], error)

    def test_fault_11_what_is_said_twice_is_heard_once(self):
        for _ in range(3):
            self.assertEqual(self.ask(twice), WHOLE)
            self.assertEqual(self.streamed(twice), WHOLE)

    def test_fault_12_what_is_said_after_the_end_is_dropped(self):
        for _ in range(3):
            self.assertEqual(self.ask(after_the_end), WHOLE)
            self.assertEqual(self.streamed(after_the_end), WHOLE)

    def test_fault_12_what_is_said_after_the_client_has_gone_reaches_nobody(self):
        stream = self.placement.stream("/v1/completions", {"model": after_a_cancel.__name__, "prompt": "x", "max_tokens": 100})
        next(stream)
        stream.close()
        self.assertEqual(self.ask(good), WHOLE)
        until = time.monotonic() + 30
        while True:
            system = json.loads(self.placement.get("/v1/system")[1])
            if sum(link["open_requests"] for link in system["links"] if "rogue" in link["endpoint"]) == 0:
                break
            self.assertLess(time.monotonic(), until, system)
            time.sleep(0.1)

    def test_fault_13_what_is_of_another_session_epoch_or_request_is_dropped(self):
        for _ in range(3):
            self.assertEqual(self.ask(of_others), WHOLE)
            self.assertEqual(self.streamed(of_others), WHOLE)

    def test_fault_13_a_gap_ends_the_session_with_an_explicit_error(self):
        self.is_explicit(self.ask(gap))

    def test_fault_9_a_body_that_is_none_ends_the_session_with_an_explicit_error(self):
        self.is_explicit(self.ask(rubbish))

    def test_fault_9_a_choice_that_nobody_asked_for_hurts_no_other(self):
        self.is_explicit(self.ask(of_no_choice))
        self.assertEqual(self.streamed(of_no_choice), "")

    def test_an_end_without_a_beginning_is_an_end(self):
        got = self.ask(nothing_but_the_end)
        self.assertTrue(got == "" or got["message"])


if __name__ == "__main__":
    unittest.main()
