"""/v1/stream with the `websockets` client, and with frames that no client would send."""

import base64
import json
import os
import socket
import struct
from urllib.parse import urlparse

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

HI = {"messages": [{"role": "user", "content": "Say hello."}], "temperature": 0, "max_tokens": 8}


@pytest.fixture
def ws(base_url, api_key, tls):
    url = base_url.replace("http", "ws", 1) + "/v1/stream"
    with connect(url, ssl=tls, additional_headers={"Authorization": f"Bearer {api_key}"}) as socket:
        yield socket


def receive(ws):
    """The messages up to and with the end of an answer."""
    messages = []
    while not messages or messages[-1].get("type") != "done":
        messages.append(json.loads(ws.recv(timeout=60)))
    return messages


def text_of(messages):
    return "".join(c["delta"].get("content", "") for m in messages if "choices" in m for c in m["choices"])


def test_chunks_come_as_messages(ws, http, model):
    ws.send(json.dumps({**HI, "model": model}))
    messages = receive(ws)
    assert messages[0]["object"] == "chat.completion.chunk" and messages[0]["choices"][0]["delta"]["role"] == "assistant"
    assert messages[-1] == {"type": "done", "reason": "complete"}
    assert messages[-2]["choices"][0]["finish_reason"] in ("stop", "length")
    whole = http.post("/v1/chat/completions", json={**HI, "model": model}).json()
    assert text_of(messages) == whole["choices"][0]["message"]["content"]


def test_one_answer_after_another_on_one_connection(ws, model):
    for _ in range(3):
        ws.send(json.dumps({**HI, "model": model}))
        assert receive(ws)[-1]["reason"] == "complete"


def test_cancel_stops_the_answer_and_the_connection_goes_on(ws, model):
    ws.send(json.dumps({**HI, "model": model, "max_tokens": 2000, "ignore_eos": True}))
    json.loads(ws.recv(timeout=60))
    ws.send('{"type":"cancel"}')
    assert receive(ws)[-1]["reason"] in ("cancelled", "complete")
    ws.send('{"type":"cancel"}')  # nothing runs: no answer
    ws.send(json.dumps({**HI, "model": model}))
    assert receive(ws)[-1]["reason"] == "complete"


def test_a_bad_request_is_an_error_message(ws, model):
    for bad, param in [("{}", "messages"), (json.dumps({**HI, "n": 0}), "n")]:
        ws.send(bad)
        messages = receive(ws)
        assert messages[0]["error"]["param"] == param and messages[-1]["reason"] == "error"
    ws.send("no json")
    assert "malformed" in receive(ws)[0]["error"]["message"]
    ws.send(json.dumps({**HI, "model": model}))
    assert receive(ws)[-1]["reason"] == "complete"


def test_binary_messages_are_refused(ws):
    ws.send(b"\x00\x01")
    with pytest.raises(ConnectionClosed) as closed:
        ws.recv(timeout=10)
    assert closed.value.rcvd.code == 1003


def test_a_message_over_the_limit_is_1009(ws):
    ws.send("x" * (5 << 20))
    with pytest.raises(ConnectionClosed) as closed:
        ws.recv(timeout=10)
    assert closed.value.rcvd.code == 1009


def test_a_flood_of_pings_is_ended(ws):
    with pytest.raises(ConnectionClosed):
        for _ in range(2000):
            ws.ping()
        ws.recv(timeout=10)


def test_a_plain_request_is_told_to_upgrade(http):
    assert http.get("/v1/stream").status_code == 426


def test_a_foreign_page_is_refused(base_url, api_key, tls):
    if api_key != "none":
        pytest.skip("with keys a page needs one")
    with pytest.raises(InvalidStatus) as refused:
        connect(base_url.replace("http", "ws", 1) + "/v1/stream", ssl=tls, origin="http://evil.example")
    assert refused.value.response.status_code == 403


def raw_socket(base_url, api_key, tls):
    url = urlparse(base_url)
    raw = socket.create_connection((url.hostname, url.port or 80), timeout=10)
    if tls:
        raw = tls.wrap_socket(raw, server_hostname=url.hostname)
    key = base64.b64encode(os.urandom(16)).decode()
    raw.sendall(
        f"GET /v1/stream HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nAuthorization: Bearer {api_key}\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += raw.recv(1)
    assert b" 101 " in head.split(b"\r\n")[0], head
    return raw


def frame(opcode, payload=b"", fin=True, rsv=0, masked=True, length=None):
    size = len(payload) if length is None else length
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, mask_bit | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    return head + (b"\0\0\0\0" if masked else b"") + payload


@pytest.mark.parametrize(
    "name, data, code",
    [
        ("unmasked", frame(1, b"{}", masked=False), 1002),
        ("rsv1", frame(1, b"{}", rsv=4), 1002),
        ("rsv3", frame(1, b"{}", rsv=1), 1002),
        ("unknown opcode", frame(3, b"{}"), 1002),
        ("unknown control opcode", frame(11), 1002),
        ("fragmented ping", frame(9, b"", fin=False), 1002),
        ("long ping", frame(9, b"x" * 126), 1002),
        ("continuation of nothing", frame(0, b"{}"), 1002),
        ("two starts", frame(1, b"{", fin=False) + frame(1, b"}"), 1002),
        ("bad utf-8", frame(1, b"\xc3\x28"), 1007),
        ("bad utf-8 across fragments", frame(1, b"\xe2\x82", fin=False) + frame(0, b"\x28"), 1007),
        ("2^63 bytes", frame(1, b"", length=1 << 63), (1002, 1009)),
        ("2^62 bytes", frame(1, b"", length=1 << 62), 1009),
        ("close 1005", frame(8, struct.pack("!H", 1005)), 1002),
        ("close of one byte", frame(8, b"\x03"), 1002),
        ("close 999", frame(8, struct.pack("!H", 999)), 1002),
        ("close with bad utf-8", frame(8, struct.pack("!H", 1000) + b"\xc3\x28"), (1002, 1007)),
    ],
    ids=lambda v: v.replace(" ", "_") if isinstance(v, str) else "",
)
def test_frames_that_break_the_rules_end_the_connection(base_url, api_key, tls, http, name, data, code):
    with raw_socket(base_url, api_key, tls) as raw:
        raw.sendall(data)
        received = b""
        while True:
            try:
                block = raw.recv(4096)
            except ConnectionResetError:
                break
            if not block:
                break
            received += block
    assert received[:1] == b"\x88", f"{name}: no close frame but {received!r}"
    assert struct.unpack("!H", received[2:4])[0] in (code if isinstance(code, tuple) else (code,)), received
    assert http.get("/healthz").status_code == 200
