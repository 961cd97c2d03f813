"""A client of Zenith's wire in Python, written from docs/wire.md: frames by struct and xxhash, bodies by code that flatc made, sockets
by pyzmq. `Client` speaks to a running service.

usage: zenith_wire.py ENDPOINT MODEL [TEXT]   Tokenizes TEXT, then streams a generation.
"""
import dataclasses
import enum
import importlib
import pathlib
import secrets
import struct
import subprocess
import sys
import tempfile
import time

import flatbuffers
import xxhash

MAGIC, MAJOR, MINOR = b"ZNW1", 1, 0
NO_DEADLINE = 0xFFFFFFFF
HEADER_BYTES, ROW_BYTES, INLINE_BYTES = 128, 32, 4096
MAX_ROWS, MAX_MESSAGE_BYTES = 8, 1 << 30
BODY, ROW_SHARED = 255, 1
HEADER = struct.Struct("<4sBBH HH BBH QQ II II 16s8s Q HHBBH II II QQ")
ROW = struct.Struct("<BBBB 4I I Q")
SHARED = struct.Struct("<QIIQQ")
# Elements and bytes of a block, by type.
TYPES = {0: (1, 4), 1: (1, 2), 2: (1, 2), 3: (1, 1), 4: (1, 2), 5: (1, 4), 6: (1, 8), 7: (32, 18), 8: (32, 20), 9: (32, 22), 10: (32, 24),
         11: (32, 34), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (1, 1), BODY: (1, 1)}


class Kind(enum.IntEnum):
    hello = 1
    welcome = 2
    request = 3
    event = 4
    reply = 5
    error = 6
    cancel = 7
    grant = 8
    ping = 9
    pong = 10
    announce = 11
    view = 12
    goodbye = 13


LAST, HEDGE, PAYLOAD_HASH, SHARED_ROWS = 1 << 0, 1 << 1, 1 << 8, 1 << 9
MUST_UNDERSTAND = 0xFF00 & ~(PAYLOAD_HASH | SHARED_ROWS)

# The root table of each kind's body.
ROOTS = {Kind.hello: "Hello", Kind.welcome: "Hello", Kind.request: "Request", Kind.event: "Event", Kind.reply: "Reply", Kind.error: "Error",
         Kind.goodbye: "Error", Kind.grant: "Grant", Kind.announce: "Announcement", Kind.view: "View"}


class BadFrame(Exception):
    pass


def require(held, what):
    if not held:
        raise BadFrame(what)


@dataclasses.dataclass
class Header:
    kind: int = Kind.ping
    flags: int = 0
    attempt: int = 0
    request_id: int = 0
    epoch: int = 0
    sequence: int = 0
    session: int = 0
    budget_us: int = NO_DEADLINE
    tenant: int = 0
    trace_id: bytes = bytes(16)
    span_id: bytes = bytes(8)
    generation: int = 0
    layer: int = 0
    experts: int = 0
    priority: int = 1
    trace_flags: int = 0
    status: int = 0
    credit_kib: int = 0
    credit_requests: int = 0
    queue_us: int = 0
    service_us: int = 0
    payload_bytes: int = 0
    payload_hash: int = 0
    rows: int = 0
    frames: int = 1
    major: int = MAJOR
    minor: int = MINOR
    length: int = HEADER_BYTES

    def encode(self):
        front = HEADER.pack(MAGIC, self.major, self.minor, HEADER_BYTES, self.kind, self.flags, self.rows, self.frames, self.attempt,
                            self.request_id, self.epoch, self.sequence, self.session, self.budget_us, self.tenant, self.trace_id,
                            self.span_id, self.generation, self.layer, self.experts, self.priority, self.trace_flags, self.status,
                            self.credit_kib, self.credit_requests, self.queue_us, self.service_us, self.payload_bytes, self.payload_hash)
        return front + struct.pack("<Q", xxhash.xxh3_64_intdigest(front))

    @classmethod
    def decode(cls, data):
        require(len(data) >= HEADER_BYTES, f"a header has {HEADER_BYTES} bytes, here are {len(data)}")
        (magic, major, minor, length, kind, flags, rows, frames, attempt, request_id, epoch, sequence, session, budget_us, tenant, trace_id,
         span_id, generation, layer, experts, priority, trace_flags, status, credit_kib, credit_requests, queue_us, service_us,
         payload_bytes, payload_hash) = HEADER.unpack_from(data)
        require(magic == MAGIC, "wrong magic")
        require(major == MAJOR, f"the peer speaks version {major}.{minor}, this side {MAJOR}.{MINOR}")
        require(struct.unpack_from("<Q", data, 120)[0] == xxhash.xxh3_64_intdigest(bytes(data[:120])), "wrong hash of the header")
        require(HEADER_BYTES <= length <= len(data) and length % 8 == 0, "wrong length of the header")
        require(kind in Kind.__members__.values(), f"unknown kind {kind}")
        require(flags & MUST_UNDERSTAND == 0, f"unknown flags {flags:#06x}")
        require(rows <= MAX_ROWS and 1 <= frames <= 1 + rows, "rows or frames out of range")
        return cls(Kind(kind), flags, attempt, request_id, epoch, sequence, session, budget_us, tenant, trace_id, span_id, generation, layer,
                   experts, priority, trace_flags, status, credit_kib, credit_requests, queue_us, service_us, payload_bytes, payload_hash,
                   rows, frames, major, minor, length)


@dataclasses.dataclass
class Tensor:
    dtype: int
    dims: tuple
    data: bytes = b""
    shared: tuple = None   # (segment, slot, generation, offset, bytes): the data lie in shared memory


@dataclasses.dataclass
class Message:
    header: Header
    body: bytes = b""
    tensors: list = dataclasses.field(default_factory=list)


def shape_bytes(dtype, dims):
    require(dtype in TYPES and len(dims) <= 4, f"type {dtype} of rank {len(dims)}")
    elements, size = TYPES[dtype]
    require(elements == 1 or (dims and dims[-1] % elements == 0), "the last dim is not whole blocks")
    count = 1
    for dim in dims:
        count *= dim
    require(count // elements * size <= MAX_MESSAGE_BYTES, "too large a tensor")
    return count // elements * size


def to_frames(message):
    header = dataclasses.replace(message.header, frames=1, payload_bytes=0, payload_hash=0, flags=message.header.flags & ~SHARED_ROWS)
    parts = [Tensor(BODY, (len(message.body),), message.body)] if message.body else []
    parts += message.tensors
    require(len(parts) <= MAX_ROWS, "too many tensors")
    header.rows = len(parts)
    at = HEADER_BYTES + ROW_BYTES * len(parts)
    table, inline, frames = b"", b"", []
    for part in parts:
        size = shape_bytes(part.dtype, part.dims)
        header.payload_bytes += size
        stored = SHARED.pack(*part.shared) if part.shared else part.data
        require(part.shared or len(stored) == size, "the bytes disagree with the shape")
        frame, offset, flags = 0, 0, 0
        if part.shared:
            flags, header.flags = ROW_SHARED, header.flags | SHARED_ROWS
        if len(stored) > INLINE_BYTES:
            frame, header.frames = header.frames, header.frames + 1
            frames.append(bytes(stored))
        else:
            offset = at + len(inline)
            inline += bytes(stored) + bytes(-len(stored) % 8)
        dims = tuple(part.dims) + (0,) * (4 - len(part.dims))
        table += ROW.pack(part.dtype, len(part.dims), frame, flags, *dims, 0, offset)
    if header.flags & PAYLOAD_HASH:
        header.payload_hash = xxhash.xxh3_64_intdigest(b"".join([table + inline, *frames]))
    return [header.encode() + table + inline, *frames]


def from_frames(frames):
    require(frames, "a message without frames")
    first = frames[0]
    header = Header.decode(first)
    require(header.frames == len(frames), f"{len(frames)} frames came, the header says {header.frames}")
    payload_at = header.length + ROW_BYTES * header.rows
    require(payload_at <= len(first), "the rows do not fit")
    if header.flags & PAYLOAD_HASH:
        require(xxhash.xxh3_64_intdigest(b"".join([first[header.length:], *frames[1:]])) == header.payload_hash, "wrong hash of the payload")
    message, total, used, shared = Message(header), 0, {0}, False
    for i in range(header.rows):
        dtype, rank, frame, flags, d0, d1, d2, d3, zero, offset = ROW.unpack_from(first, header.length + i * ROW_BYTES)
        dims = (d0, d1, d2, d3)
        require(zero == 0 and flags & ~ROW_SHARED == 0 and rank <= 4 and not any(dims[rank:]), f"row {i} has unknown parts")
        require(dtype != BODY or (i == 0 and flags == 0 and rank == 1), f"row {i} is a body out of place")
        size = shape_bytes(dtype, dims[:rank])
        stored = SHARED.size if flags else size
        require(frame < len(frames), f"row {i} lies in frame {frame}")
        low, align = (payload_at, 8) if frame == 0 else (0, 64)
        require(low <= offset <= len(frames[frame]) - stored and offset % align == 0, f"row {i} lies outside its frame")
        data = bytes(frames[frame][offset:offset + stored])
        used.add(frame)
        total += size
        shared = shared or bool(flags)
        if dtype == BODY:
            message.body = data
        elif flags:
            ref = SHARED.unpack(data)
            require(ref[4] == size, f"row {i} disagrees with its descriptor")
            message.tensors.append(Tensor(dtype, dims[:rank], b"", ref))
        else:
            message.tensors.append(Tensor(dtype, dims[:rank], data))
    require(used == set(range(len(frames))), "a frame belongs to no row")
    require(total == header.payload_bytes, "the rows disagree with payload_bytes")
    require(shared == bool(header.flags & SHARED_ROWS), "the flag for shared rows disagrees")
    return message


class CanonicalBuilder(flatbuffers.Builder):
    """Adds a table's fields as flatc's C++ does: larger ones first, later ones first. Any order is valid; this one gives equal bytes."""

    def StartObject(self, numfields):
        super().StartObject(numfields)
        self.waiting = []

    def PrependSlot(self, flags, o, x, d):
        self.waiting.append((-flags.bytewidth, -o, lambda: flatbuffers.Builder.PrependSlot(self, flags, o, x, d)))

    def PrependUOffsetTRelativeSlot(self, o, x, d):
        self.waiting.append((-4, -o, lambda: flatbuffers.Builder.PrependUOffsetTRelativeSlot(self, o, x, d)))

    def EndObject(self):
        for _, _, add in sorted(self.waiting, key=lambda w: w[:2]):
            add()
        return super().EndObject()


class Bodies:
    """The bodies' tables, from links/schema/*.fbs by flatc --gen-object-api: `bodies.Tokenize(model="m", content="hi")`."""

    def __init__(self, schemas, folder):
        subprocess.run(["flatc", "--python", "--gen-object-api", "-o", str(folder), *map(str, sorted(pathlib.Path(schemas).glob("*.fbs")))],
                       check=True, timeout=60)
        sys.path.insert(0, str(folder))
        # flatc 2.0.8 forgets the import in a module whose table holds itself.
        self.module("Value").zenith = importlib.import_module("zenith")

    def module(self, name):
        return importlib.import_module(f"zenith.fb.{name}")

    def __getattr__(self, name):
        def make(**fields):
            table = getattr(self.module(name), name + "T")()
            for field, value in fields.items():
                if not hasattr(table, field):
                    raise AttributeError(f"{name} has no field {field}")
                setattr(table, field, value)
            return table
        return make

    def union(self, name, member):
        return getattr(getattr(self.module(name), name), member)

    def encode(self, table):
        builder = CanonicalBuilder(0)
        builder.Finish(table.Pack(builder))
        return bytes(builder.Output())

    def decode(self, kind, body):
        root = self.module(ROOTS[kind])
        return getattr(root, ROOTS[kind] + "T").InitFromObj(getattr(root, ROOTS[kind]).GetRootAs(bytearray(body), 0))


class LinkLost(Exception):
    pass


class RequestFailed(Exception):
    def __init__(self, error):
        super().__init__(f"{error.message.decode() if error.message else ''} (code {error.code})")
        self.error = error


class Client:
    """One link: dials, says hello, keeps the session alive with pings, one request at a time."""
    PING_EVERY = 0.5

    def __init__(self, endpoint, bodies, seconds=5.0):
        import zmq
        self.zmq, self.bodies = zmq, bodies
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 100)
        self.socket.setsockopt(zmq.SNDTIMEO, 1000)
        self.socket.connect(endpoint)
        self.epoch, self.session = secrets.randbits(63) + 1, 1
        self.next_out, self.next_in, self.last_id, self.pings, self.pinged = 0, 0, 0, 0, time.monotonic()
        hello = Message(Header(kind=Kind.hello, epoch=self.epoch, session=self.session))
        hello.body = bodies.encode(bodies.Hello(role="client", id="python", version="0", numerics=""))
        self.socket.send_multipart(to_frames(hello))
        welcome = self.receive(time.monotonic() + seconds, in_session=False)
        require(welcome.header.kind == Kind.welcome, f"{welcome.header.kind.name} in place of welcome")
        self.peer_epoch = welcome.header.epoch
        self.peer = bodies.decode(Kind.welcome, welcome.body)
        self.window = welcome.header.credit_requests

    def close(self):
        goodbye = Message(Header(kind=Kind.goodbye, epoch=self.epoch, session=self.session))
        goodbye.body = self.bodies.encode(self.bodies.Error(code=12, message="done"))
        self.socket.send_multipart(to_frames(goodbye))
        self.socket.close()
        self.context.term()

    def send(self, message):
        message.header = dataclasses.replace(message.header, epoch=self.epoch, session=self.session, sequence=self.next_out)
        self.next_out += 1
        self.socket.send_multipart(to_frames(message))

    def receive(self, until, in_session=True):
        """The next message that is no pong."""
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the service did not answer in time")
            if in_session and time.monotonic() - self.pinged >= self.PING_EVERY:
                self.pings, self.pinged = self.pings + 1, time.monotonic()
                self.send(Message(Header(kind=Kind.ping, request_id=self.pings)))
            if not self.socket.poll(int(min(left, self.PING_EVERY) * 1000) + 1):
                continue
            message = from_frames(self.socket.recv_multipart())
            header = message.header
            if header.session != self.session:
                continue
            if header.kind == Kind.goodbye:
                raise LinkLost(self.bodies.decode(Kind.goodbye, message.body).message.decode())
            if not in_session:
                return message
            require(header.epoch == self.peer_epoch, "a message of another process")
            require(header.sequence == self.next_in, f"message {header.sequence} came, {self.next_in} was next")
            self.next_in += 1
            if header.kind != Kind.pong:
                return message

    def request(self, work, table, seconds, attempt=1):
        self.last_id += 1
        message = Message(Header(kind=Kind.request, request_id=self.last_id, attempt=attempt, budget_us=int(seconds * 1e6)))
        message.body = self.bodies.encode(self.bodies.Request(workType=self.bodies.union("Work", work), work=table))
        self.send(message)
        return self.last_id, time.monotonic() + seconds

    def answer(self, request_id, until):
        while True:
            message = self.receive(until)
            if message.header.request_id == request_id:
                if message.header.kind == Kind.error:
                    raise RequestFailed(self.bodies.decode(Kind.error, message.body))
                return message

    def tokenize(self, model, content, seconds=10.0):
        request_id, until = self.request("Tokenize", self.bodies.Tokenize(model=model, content=content), seconds)
        reply = self.answer(request_id, until)
        return [int(t) for t in self.bodies.decode(Kind.reply, reply.body).answer.tokens]

    def embed(self, model, texts, seconds=30.0):
        b = self.bodies
        inputs = [b.EmbedInput(inputType=b.union("Input", "Text"), input=b.Text(text=t)) for t in texts]
        request_id, until = self.request("Embed", b.Embed(model=model, inputs=inputs), seconds)
        (tensor,) = self.answer(request_id, until).tensors
        require(tensor.dtype == 0 and len(tensor.dims) == 2, "no f32 matrix")
        rows, width = tensor.dims
        return [list(struct.unpack_from(f"<{width}f", tensor.data, i * width * 4)) for i in range(rows)]

    def generate(self, model, text, seconds=60.0, max_tokens=32, temperature=0.0, window=8):
        """Yields events as they come; each delta that was taken is granted anew."""
        b = self.bodies
        chat = b.Chat(messages=[b.ChatMessage(role="user", textParts=[b.Text(text=text)])])
        table = b.Generate(model=model, promptType=b.union("Prompt", "Chat"), prompt=chat, sampling=b.Sampling(temperature=temperature),
                           maxTokens=max_tokens, creditEvents=window)
        request_id, until = self.request("Generate", table, seconds)
        while True:
            message = self.answer(request_id, until)
            event = b.decode(Kind.event, message.body)
            yield event.happening
            if message.header.flags & LAST:
                return
            if event.happeningType != b.union("Happening", "Delta"):
                continue
            grant = Message(Header(kind=Kind.grant, request_id=request_id))
            grant.body = b.encode(b.Grant(events=1))
            self.send(grant)


def main():
    endpoint, model, text = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "Say hello."
    schemas = pathlib.Path(__file__).parents[2] / "links" / "schema"
    with tempfile.TemporaryDirectory() as folder:
        client = Client(endpoint, Bodies(schemas, folder))
        print(f"{client.peer.id.decode()} {client.peer.version.decode()}: {client.tokenize(model, text)}")
        for event in client.generate(model, text):
            if type(event).__name__ == "DeltaT" and event.content:
                print(event.content.decode(), end="", flush=True)
        print()
        client.close()


if __name__ == "__main__":
    main()
