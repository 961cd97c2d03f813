"""A sensor in another process and another language: no plugin, but a service of the graph over ZeroMQ, as docs/wire.md describes it.

It announces itself to the directory (the schema), listens, and answers Watch with frames, ReadWindow with numbers and SetSensor. The
wire itself is tests/wire/zenith_wire.py, the client that the wire's tests use.

    adapter = Adapter(directory="ipc:///run/zenith/router-1.sock", listen="ipc:///run/zenith/lab.sock", service="lab", plugin="lab",
                      channel="volts", unit="V", rate_hz=10)
    adapter.run(read)      # read() gives the next measurements, [(time_ns, wall_ns, value)], and takes at most a few milliseconds
"""
import collections
import dataclasses
import hashlib
import pathlib
import secrets
import struct
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests" / "wire"))
import zenith_wire as wire                                    # noqa: E402
from zenith_wire import Header, Kind, Message, Tensor         # noqa: E402

VERSION, U8, KEEP, BATCH = "1.0.0", 15, 65536, 256
INVALID, NOT_FOUND = 0, 4                                     # of Errc


@dataclasses.dataclass
class Frame:
    seq: int
    t_ns: int
    wall_ns: int
    flags: int
    value: float


@dataclasses.dataclass
class Session:
    """One client: its numbers of both directions."""
    number: int
    epoch: int
    next_in: int = 0
    next_out: int = 0


@dataclasses.dataclass
class Reader:
    """One Watch: a cursor and what its client can take."""
    attempt: int
    credit: int
    cursor: int
    period_ns: int = 0
    due_ns: int = 0


class Adapter:
    def __init__(self, directory, listen, service, plugin, channel, unit, rate_hz=0.0, kind="adapter", source=None):
        import zmq
        self.zmq = zmq
        self.schemas = tempfile.TemporaryDirectory(prefix="zenith-adapter-")
        self.bodies = wire.Bodies(source or SOURCE / "links" / "schema", self.schemas.name)
        self.epoch = secrets.randbits(63) + 1
        self.service, self.plugin, self.channel, self.unit, self.rate_hz, self.kind = service, plugin, channel, unit, rate_hz, kind
        self.sensor_id, self.listen, self.directory_at = f"{plugin}.{channel}", listen, directory
        self.frames, self.next_seq, self.running = collections.deque(maxlen=KEEP), 0, True
        self.sessions, self.readers = {}, {}
        self.context = zmq.Context()
        self.door = self.context.socket(zmq.ROUTER)
        self.door.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.door.setsockopt(zmq.LINGER, 100)
        self.door.setsockopt(zmq.SNDTIMEO, 0)
        self.door.bind(listen)
        self.directory, self.pinged, self.again = None, 0.0, 0.0

    # ---- the directory: hello, then the schema as an announcement

    def announce(self):
        b = self.bodies
        entry = b.SensorEntry(plugin=self.plugin, version=VERSION, kind=self.kind, channel=self.channel, unit=self.unit, dtype=9,
                              shape=[], rateHz=self.rate_hz, policy=0, running=self.running)
        generation = int.from_bytes(hashlib.sha256(f"{self.service}/{self.sensor_id}".encode()).digest()[:8], "little")
        model = b.ModelEntry(name=self.sensor_id, kind=b.union("ModelKind", "sensor"), generation=generation,
                             createdUnixSeconds=int(time.time()), sensor=entry)
        member = b.Member(role=b.union("Role", "sensor"), id=f"{self.service}:{self.sensor_id}", health=b.union("Health", "ready"),
                          modelName=self.sensor_id, detail="" if self.running else "stopped", model=model, epoch=self.epoch,
                          endpoint=self.listen, numerics="sensor", contact=True)
        message = Message(Header(kind=Kind.announce))
        message.body = b.encode(b.Announcement(members=[member]))
        self.directory.send(message)

    def keep_announced(self):
        """Dials the directory, pings it, and begins again when it is lost."""
        now = time.monotonic()
        if self.directory is None and now >= self.again:
            try:
                self.directory = DirectoryClient(self.directory_at, self.bodies, self.epoch, self.service, self.context)
                self.announce()
            except (TimeoutError, wire.LinkLost, wire.BadFrame):
                self.drop_directory()
        elif self.directory is not None:
            try:
                self.directory.turn()
            except (wire.LinkLost, wire.BadFrame):
                self.drop_directory()

    def drop_directory(self):
        if self.directory is not None:
            self.directory.socket.close()
        self.directory, self.again = None, time.monotonic() + 0.5

    # ---- the door: who dials

    def send(self, route, message):
        session = self.sessions.get(route)
        if session is None:
            return
        message.header = dataclasses.replace(message.header, epoch=self.epoch, session=session.number, sequence=session.next_out)
        session.next_out += 1
        try:
            self.door.send_multipart([route, *wire.to_frames(message)])
        except self.zmq.ZMQError:
            self.forget(route)

    def forget(self, route):
        self.sessions.pop(route, None)
        for key in [k for k in self.readers if k[0] == route]:
            del self.readers[key]

    def on_frames(self, route, frames):
        try:
            message = wire.from_frames(frames)
        except wire.BadFrame:
            return self.forget(route)
        header = message.header
        if header.kind == Kind.hello:
            self.forget(route)
            self.sessions[route] = Session(header.session, header.epoch)
            welcome = Message(Header(kind=Kind.welcome, epoch=self.epoch, session=header.session, credit_requests=1024, credit_kib=65536))
            welcome.body = self.bodies.encode(self.bodies.Hello(role="sensor", id=self.service, version=VERSION, numerics=""))
            try:
                self.door.send_multipart([route, *wire.to_frames(welcome)])
            except self.zmq.ZMQError:
                self.forget(route)
            return None
        session = self.sessions.get(route)
        if session is None or header.session != session.number or header.epoch != session.epoch:
            return None
        if header.kind == Kind.goodbye or header.sequence > session.next_in:
            return self.forget(route)
        if header.sequence < session.next_in:
            return None
        session.next_in += 1
        key = (route, header.request_id)
        if header.kind == Kind.ping:
            self.send(route, Message(Header(kind=Kind.pong, request_id=header.request_id)))
        elif header.kind == Kind.cancel:
            self.readers.pop(key, None)
        elif header.kind == Kind.grant and key in self.readers:
            self.readers[key].credit += self.bodies.decode(Kind.grant, message.body).events
            self.serve(key)
        elif header.kind == Kind.request:
            self.on_request(key, message)
        return None

    def on_request(self, key, message):
        b = self.bodies
        request = b.decode(Kind.request, message.body)
        work = request.work
        model = (getattr(work, "model", None) or b"").decode()
        if model != self.sensor_id:
            return self.refuse(key, message, NOT_FOUND, f"this service has the sensor {self.sensor_id}", "sensor_id")
        if request.workType == b.union("Work", "Watch"):
            begin = self.next_seq if work.first is None else work.first
            period = int(1e9 / work.rateHz) if work.rateHz > 0 else 0
            self.readers[key] = Reader(message.header.attempt, work.creditEvents, begin, period)
            return self.serve(key)
        if request.workType == b.union("Work", "ReadWindow"):
            return self.reply(key, message, "Window", self.window(work.windowMs))
        if request.workType == b.union("Work", "SetSensor"):
            self.running = bool(work.run)
            if self.directory is not None:
                self.announce()
            return self.reply(key, message, "Text", b.Text(text="ready" if self.running else "stopped"))
        return self.refuse(key, message, INVALID, "this is a sensor and no model", "model")

    def reply(self, key, request, name, table):
        message = Message(Header(kind=Kind.reply, flags=wire.LAST, request_id=key[1], attempt=request.header.attempt))
        message.body = self.bodies.encode(self.bodies.Reply(answerType=self.bodies.union("Answer", name), answer=table))
        self.send(key[0], message)

    def refuse(self, key, request, code, text, param):
        message = Message(Header(kind=Kind.error, flags=wire.LAST, request_id=key[1], attempt=request.header.attempt, status=code + 1))
        message.body = self.bodies.encode(self.bodies.Error(code=code, message=text, param=param))
        self.send(key[0], message)

    # ---- frames

    def serve(self, key):
        """As many frames as the reader's credit allows; what the ring has lost is told first."""
        reader = self.readers.get(key)
        while reader is not None and reader.credit > 0 and self.frames and reader.cursor < self.next_seq:
            lost, first = None, self.frames[0].seq
            if reader.cursor < first:
                lost, reader.cursor = (reader.cursor, first - 1), first
            batch = []
            while reader.cursor < self.next_seq and len(batch) < BATCH:
                frame = self.frames[reader.cursor - first]
                reader.cursor += 1
                if frame.t_ns + reader.period_ns // 10 < reader.due_ns:
                    continue
                reader.due_ns = max(reader.due_ns + reader.period_ns, frame.t_ns + reader.period_ns // 2)
                batch.append(frame)
            if not batch:
                return
            reader.credit -= 1
            self.send(key[0], self.event(key[1], reader, batch, lost))

    def event(self, request_id, reader, batch, lost):
        b = self.bodies
        heads = [b.FrameHead(seq=f.seq, tNs=f.t_ns, wallNs=f.wall_ns, flags=f.flags | (1 if lost and f is batch[0] else 0)) for f in batch]
        table = b.Frames(dtype=9, dims=[], heads=heads, next=reader.cursor, lost=b.SeqRange(first=lost[0], last=lost[1]) if lost else None)
        message = Message(Header(kind=Kind.event, request_id=request_id, attempt=reader.attempt))
        message.body = b.encode(b.Event(happeningType=b.union("Happening", "Frames"), happening=table))
        values = struct.pack(f"<{len(batch)}d", *(f.value for f in batch))
        message.tensors = [Tensor(U8, (len(values),), values)]
        return message

    def window(self, window_ms):
        b, since = self.bodies, time.monotonic_ns() - window_ms * 1_000_000
        inside = [f for f in self.frames if f.t_ns > since]
        table = b.Window(sensorId=self.sensor_id, unit=self.unit, windowMs=window_ms, frames=len(inside))
        head = f"Sensor {self.sensor_id}, the last {window_ms / 1000:g} s: "
        if not inside:
            table.text = head + "no measurements."
            return table
        values = [f.value for f in inside]
        mean, low, high, last = sum(values) / len(values), min(values), max(values), values[-1]
        table.spanS = (inside[-1].t_ns - inside[0].t_ns) / 1e9
        table.elements = [b.ElementStats(label=self.channel, mean=mean, min=low, max=high, last=last)]
        table.text = (f"{head}{len(inside)} measurements, no gaps.\n- {self.channel}: last {last:g} {self.unit}, mean {mean:g} {self.unit}, "
                      f"min {low:g} {self.unit}, max {high:g} {self.unit}")
        return table

    def turn(self, read):
        """Once through everything that waits; at most some 20 ms."""
        poller = self.zmq.Poller()
        poller.register(self.door, self.zmq.POLLIN)
        if self.directory is not None:
            poller.register(self.directory.socket, self.zmq.POLLIN)
        poller.poll(10)
        while self.door.poll(0):
            route, *frames = self.door.recv_multipart()
            self.on_frames(route, frames)
        self.keep_announced()
        for t_ns, wall_ns, value in read():
            if not self.running:
                continue
            self.frames.append(Frame(self.next_seq, t_ns, wall_ns, 0, float(value)))
            self.next_seq += 1
        for key in list(self.readers):
            self.serve(key)

    def run(self, read):
        while True:
            self.turn(read)


class DirectoryClient(wire.Client):
    """A link to the directory on the adapter's own epoch: announcements are judged by it."""

    def __init__(self, endpoint, bodies, epoch, service, context):
        import zmq
        self.zmq, self.bodies, self.context = zmq, bodies, context
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 100)
        self.socket.setsockopt(zmq.SNDTIMEO, 1000)
        self.socket.connect(endpoint)
        self.epoch, self.session = epoch, int(time.monotonic() * 100) & 0x7FFFFFFF
        self.next_out, self.next_in, self.last_id, self.pings, self.pinged = 0, 0, 0, 0, time.monotonic()
        self.heard = time.monotonic()
        hello = Message(Header(kind=Kind.hello, epoch=self.epoch, session=self.session))
        hello.body = bodies.encode(bodies.Hello(role="sensor", id=service, version=VERSION, numerics=""))
        try:
            self.socket.send_multipart(wire.to_frames(hello))
            welcome = self.receive(time.monotonic() + 1.0, in_session=False)
            wire.require(welcome.header.kind == Kind.welcome, f"{welcome.header.kind.name} in place of welcome")
        except BaseException:
            self.socket.close()
            raise
        self.peer_epoch = welcome.header.epoch

    def turn(self):
        """Takes what waits, pings every second, and says when nothing has come for long."""
        while self.socket.poll(0):
            message = wire.from_frames(self.socket.recv_multipart())
            if message.header.kind == Kind.goodbye:
                raise wire.LinkLost(self.bodies.decode(Kind.goodbye, message.body).message.decode())
            self.heard = time.monotonic()
        if time.monotonic() - self.pinged >= 1.0:
            self.pings, self.pinged = self.pings + 1, time.monotonic()
            self.send(Message(Header(kind=Kind.ping, request_id=self.pings)))
        if time.monotonic() - self.heard > 6.0:
            raise wire.LinkLost("the directory is silent")
