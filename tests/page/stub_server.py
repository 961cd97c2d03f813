"""A scripted server under the page: the page's files as the gateway sends them, and the JSON shapes of every surface.

What it offers is a set that a test changes while the page is open; what it was asked is kept for the test to look at.
"""
import email.parser
import email.policy
import http.server
import json
import math
import pathlib
import re
import struct
import sys
import threading
import time
import urllib.parse

SOURCE = pathlib.Path(__file__).resolve().parents[2]
WEB = SOURCE / "gateway" / "web"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
RATE = 22050
TONE = struct.pack("<2205h", *(int(8000 * math.sin(2 * math.pi * 440 * i / RATE)) for i in range(2205)))
OCR = {"text": "Total 12.50\nThank you", "width": 200, "height": 100, "lines": [
    {"text": "Total 12.50", "box": [[10, 10], [150, 10], [150, 40], [10, 40]], "confidence": 0.98},
    {"text": "Thank you", "box": [[10, 60], [120, 60], [120, 90], [10, 90]], "confidence": 0.71}]}


def channel(name, unit, shape=(), labels=(), rate_hz=1):
    return {"name": name, "unit": unit, "dtype": "f32", "shape": list(shape), "labels": list(labels), "rate_hz": rate_hz}


SENSORS = [{"id": name, "plugin": "host", "status": "ready", "detail": "", "channels": [what]} for name, what in (
    ("host.cpu", channel("cpu", "%", [2], ["cpu0", "cpu1"])), ("host.memory", channel("memory", "MiB")),
    ("host.load", channel("load", "1")), ("host.net", channel("net", "kB/s")), ("host.disk", channel("disk", "kB/s")))]
SENSORS.append({"id": "sim.spectrum", "plugin": "sim", "status": "ready", "detail": "", "channels": [channel("spectrum", "dB", [64])]})


def content_security_policy():
    """The gateway's own, so that what it forbids is forbidden here."""
    source = (SOURCE / "gateway/src/endpoints/page.cpp").read_text()
    literals = re.search(r'"Content-Security-Policy",\s*((?:"[^"]*"\s*)+)', source).group(1)
    return "".join(re.findall(r'"([^"]*)"', literals))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body, content_type="application/json", headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def error(self, status, message):
        self.reply(status, {"error": {"message": message, "type": "x", "code": "x", "param": None}})

    def stream(self, content_type, pieces):
        """@returns whether the client took everything."""
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for piece in pieces:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            return True
        except OSError:
            self.close_connection = True
            return False

    def serve(self, body=b""):
        stub, url = self.server, urllib.parse.urlsplit(self.path)
        stub.asked.append((self.command, self.path))
        if url.path in stub.failing:
            return self.error(*stub.failing[url.path])
        name = f"{self.command} {url.path}"
        for pattern, surface, handler in ROUTES:
            match = re.fullmatch(pattern, name)
            if match and (surface is None or surface in stub.offered):
                return handler(self, body, *(urllib.parse.unquote(group) for group in match.groups()))
        file = WEB / ("index.html" if url.path == "/" else url.path.lstrip("/"))
        if self.command == "GET" and file.parent == WEB and file.is_file():
            policy = [("Content-Security-Policy", stub.policy)] if file.suffix == ".html" else []
            return self.reply(200, file.read_bytes(), TYPES[file.suffix], policy)
        return self.error(404, f"there is no {self.command} {url.path}")

    def do_GET(self):
        self.serve()

    def do_POST(self):
        self.serve(self.rfile.read(int(self.headers["Content-Length"])))


def readyz(handler, _):
    offered = handler.server.offered
    services = [("text", "text", "smollm2-135m")] + [(role, role, None) for role, surface in (("voice", "speech"), ("vision", "vision"), ("sensor", "sensors")) if surface in offered]
    handler.reply(200, {"status": "ready", "services": [{"role": r, "id": i, "status": "ready", "model": m, "detail": ""} for r, i, m in services] + handler.server.more_services})


def models(handler, _):
    offered = handler.server.offered
    rows = [("smollm2-135m", "generate", ["text"], ["text"])]
    rows += [("piper-joe", "speech", ["text"], ["audio"])] if "speech" in offered else []
    rows += [("whisper-tiny", "transcription", ["audio"], ["text"])] if "hearing" in offered else []
    rows += [("ppocr-v4", "vision", ["image"], ["text"])] if "vision" in offered else []
    handler.reply(200, {"object": "list", "data": [{"id": i, "kind": k, "modalities": {"input": a, "output": b}, "context_length": 2048, "license": "x", "alias_of": None} for i, k, a, b in rows]})


def voices(handler, _):
    rows = [{"id": "joe", "model": "piper-joe", "language": "en", "sample_rate": RATE, "alias_of": None},
            {"id": "alloy", "model": "piper-joe", "language": "en", "sample_rate": RATE, "alias_of": "joe"}]
    handler.reply(200, {"voices": rows if "speech" in handler.server.offered else []})


def chat(handler, body):
    stub = handler.server
    stub.chats.append(json.loads(body))

    def pieces():
        for piece in stub.answer:
            yield b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": piece}}]}).encode() + b"\n\n"
            time.sleep(stub.answer_pause_s)
        yield b"data: [DONE]\n\n"
    handler.stream("text/event-stream", pieces())


def speech(handler, body):
    stub = handler.server
    request = json.loads(body)
    stub.spoken.append(request)

    def pieces():
        for piece in range(stub.speech_pieces):
            yield TONE[:1001]  # in the middle of a sample
            yield TONE[1001:]
            time.sleep(0.05 if piece >= stub.speech_burst else 0)
    if not handler.stream(f"audio/pcm;rate={RATE}", pieces()):
        stub.left.append(request["input"])


def transcriptions(handler, body):
    head = f"Content-Type: {handler.headers['Content-Type']}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    handler.server.heard.append({part.get_param("name", header="content-disposition"): (part.get_filename(), part.get_payload(decode=True)) for part in form.iter_parts()})
    handler.reply(200, {"text": handler.server.transcript})


def ocr(handler, body):
    handler.server.seen.append(json.loads(body))
    handler.reply(200, OCR)


def frames(handler, _, sensor):
    stub = handler.server
    shape = next(s["channels"][0]["shape"] for s in SENSORS if s["id"] == sensor)
    count = shape[0] if shape else 1
    with stub.lock:
        stub.watching.append(sensor)

    def pieces():
        for seq in range(10_000):
            now = time.monotonic_ns()
            values = [50 + 40 * math.sin(now / 1e9 + i / 4) for i in range(count)]
            frame = {"sensor_id": sensor, "seq": seq, "t_ns": now, "wall_ns": time.time_ns(), "flags": [], "values": values}
            yield f"id: {seq}\ndata: {json.dumps(frame)}\n\n".encode()
            time.sleep(0.05)
    handler.stream("text/event-stream", pieces())
    with stub.lock:
        stub.watching.remove(sensor)


ROUTES = [
    (r"GET /readyz", None, readyz),
    (r"GET /metrics", None, lambda handler, _: handler.reply(200, b"zenith_running_sequences 0\n", "text/plain")),
    (r"GET /v1/models", None, models),
    (r"GET /v1/audio/voices", None, voices),
    (r"POST /v1/chat/completions", None, chat),
    (r"POST /v1/audio/speech", "speech", speech),
    (r"POST /v1/audio/transcriptions", "hearing", transcriptions),
    (r"POST /v1/vision/ocr", "vision", ocr),
    (r"GET /v1/sensors", "sensors", lambda handler, _: handler.reply(200, {"sensors": SENSORS})),
    (r"GET /v1/sensors/([^/]+)/frames", "sensors", frames),
]


class Stub(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.policy = content_security_policy()
        self.lock = threading.Lock()
        self.watching = []  # sensors whose frames are being sent
        self.reset()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # a browser that closes a connection is no error
            super().handle_error(request, client_address)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def reset(self):
        self.offered = {"speech", "hearing", "vision", "sensors"}
        self.failing = {}        # path → (status, message)
        self.more_services = []
        self.answer, self.answer_pause_s = ["One sentence. ", "And a ", "second one."], 0.0
        self.speech_pieces, self.speech_burst = 3, 300  # of 0.1 s each; how many of them come at once
        self.transcript = "what was said"
        self.asked, self.chats, self.spoken, self.left, self.heard, self.seen = [], [], [], [], [], []
