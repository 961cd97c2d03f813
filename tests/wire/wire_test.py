"""The Python client's codec against the golden bytes: what it decodes it encodes again to the same bytes, and a message that it builds
from nothing is the golden too."""
import os
import pathlib
import struct
import unittest

import xxhash

import zenith_wire as wire
from zenith_wire import Kind

SOURCE = pathlib.Path(os.environ["ZENITH_SOURCE_DIR"])
GOLDENS = SOURCE / "tests" / "data" / "wire"


def frames_of(name):
    data, frames = (GOLDENS / f"{name}.bin").read_bytes(), []
    while data:
        (size,) = struct.unpack_from("<I", data)
        frames.append(data[4:4 + size])
        data = data[4 + size:]
    return frames


# Tables with structs: what flatc made for Python lays their fields in another order.
REORDERED = {"reply-picture"}


def plain(thing):
    """Of a decoded table, what it holds."""
    if isinstance(thing, (list, tuple)):
        return [plain(item) for item in thing]
    if hasattr(thing, "tolist"):
        return thing.tolist()
    return {name: plain(value) for name, value in vars(thing).items()} if hasattr(thing, "__dict__") else thing


class Goldens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(os.environ["ZENITH_BUILD_DIR"]) / "tests" / "wire" / "python"
        folder.mkdir(parents=True, exist_ok=True)
        cls.bodies = wire.Bodies(SOURCE / "links" / "schema", folder)

    def test_every_golden_is_decoded_and_encoded_to_the_same_bytes(self):
        names = sorted(p.stem for p in GOLDENS.glob("*.bin"))
        kinds = set()
        for name in names:
            with self.subTest(name):
                frames = frames_of(name)
                message = wire.from_frames(frames)
                kinds.add(message.header.kind)
                if message.body:
                    table = self.bodies.decode(message.header.kind, message.body)
                    message.body = self.bodies.encode(table)
                    if name in REORDERED:
                        self.assertEqual(plain(self.bodies.decode(message.header.kind, message.body)), plain(table))
                        continue
                self.assertEqual(wire.to_frames(message), frames)
        self.assertEqual(kinds, set(Kind))

    def test_a_hello_built_from_nothing_is_the_golden(self):
        golden = wire.from_frames(frames_of("hello"))
        header = wire.Header(kind=Kind.hello, attempt=0x0102, request_id=0x1112131415161718, epoch=0x2122232425262728, sequence=0x31323334,
                             session=0x41424344, budget_us=0x51525354, tenant=0x61626364, trace_id=bytes(range(0x70, 0x80)),
                             span_id=bytes(range(0x80, 0x88)), generation=0x9192939495969798, layer=0xa1a2, experts=0xb1b2, priority=2,
                             trace_flags=1, status=9, credit_kib=0xc1c2c3c4, credit_requests=0xd1d2d3d4, queue_us=0xe1e2e3e4,
                             service_us=0xf1f2f3f4)
        body = self.bodies.encode(self.bodies.Hello(role="text", id="text-1", version="0.4.0", numerics="avx2/7"))
        self.assertEqual(body, golden.body)
        self.assertEqual(wire.to_frames(wire.Message(header, body)), frames_of("hello"))

    def test_a_request_built_from_nothing_is_the_golden(self):
        b = self.bodies
        header = wire.Header(kind=Kind.request, attempt=1, request_id=0x0123456789abcdef, tenant=7, budget_us=30_000_000, priority=2,
                             trace_id=bytes(range(0xa0, 0xb0)), span_id=bytes(range(0xb0, 0xb8)), trace_flags=1,
                             generation=0x1122334455667788)
        table = b.Tokenize(model="smollm2", content="naïve", addSpecial=True, parseSpecial=True)
        body = b.encode(b.Request(workType=b.union("Work", "Tokenize"), work=table))
        self.assertEqual(wire.to_frames(wire.Message(header, body)), frames_of("request-tokenize"))

    def test_events_and_replies_say_what_they_should(self):
        delta = self.bodies.decode(Kind.event, wire.from_frames(frames_of("event-delta")).body).happening
        self.assertEqual((delta.choice, delta.content.decode(), list(delta.tokens)), (1, "Grüß", [5, 9]))
        self.assertEqual(bytes(delta.logprobs[0].picked.bytes), b"\xc3")
        message = wire.from_frames(frames_of("reply-embeddings"))
        (vectors,) = message.tensors
        self.assertEqual((vectors.dtype, vectors.dims), (0, (4, 384)))
        self.assertEqual(struct.unpack_from("<2f", vectors.data, 384 * 4), (1.0, 1.0 + 1 / 512))
        self.assertEqual(len(frames_of("reply-embeddings")), 2)
        (shared, small) = wire.from_frames(frames_of("shared")).tensors
        self.assertEqual(shared.shared, (0x0102030405060708, 9, 10, 64, 12288))
        self.assertEqual(small.dims, (2, 2))

    def test_damage_is_noticed(self):
        for name in ("reply-embeddings", "ping"):
            frames = frames_of(name)
            for at in range(0, len(frames[0]), 3):
                spoiled = bytearray(frames[0])
                spoiled[at] ^= 4
                with self.assertRaises(wire.BadFrame, msg=f"{name} byte {at}"):
                    wire.from_frames([bytes(spoiled), *frames[1:]])

    def test_another_major_is_refused_with_both_versions(self):
        frame = bytearray(frames_of("ping")[0])
        frame[4] = 2
        frame[120:] = struct.pack("<Q", xxhash.xxh3_64_intdigest(bytes(frame[:120])))
        with self.assertRaisesRegex(wire.BadFrame, "2.0, this side 1.0"):
            wire.from_frames([bytes(frame)])


if __name__ == "__main__":
    unittest.main()
