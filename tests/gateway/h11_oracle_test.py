"""What the gateway reads as requests against what h11 reads in the same bytes.

usage: h11_oracle_test.py FAKE_ZENITH [--mutations 3000] [--seed 36]
The rule, for a table of known tricks and for seeded mutations of valid requests: each request that h11 sees gets the answer that the same
request gets in plain spelling on a connection of its own, in order; instead the gateway may refuse one, and then that answer is the last
and the connection is closed. Beyond the requests that h11 sees, nothing but one refusal is ever answered.
"""
import argparse
import collections
import random
import socket
import subprocess
import sys

import h11

JSON = b"Content-Type: application/json\r\n"
HOST = b"Host: localhost\r\n"
NEXT = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
BODY = b'{"content":"AB"}'
POST = b"POST /tokenize HTTP/1.1\r\n" + HOST + JSON
LENGTH = b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
CHUNKS = b'6;e=1\r\n{"cont\r\na\r\nent":"AB"}\r\n0\r\nTrailer: x\r\n\r\n'
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS

Answer = collections.namedtuple("Answer", "status closes body")


def h11_requests(data):
    """@returns each whole request in plain spelling, and how it ended: "closed", "error" or "more"."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 24)
    found = []
    try:
        connection.receive_data(data)
        head, body = None, b""
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                found.append(plain(head, body))
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is h11.MUST_CLOSE:
                    return found, "closed"
                connection.start_next_cycle()
            else:
                return found, "more"
    except h11.RemoteProtocolError:
        return found, "error"


def plain(head, body):
    framing = {b"content-length", b"transfer-encoding", b"expect"}
    lines = [name + b": " + value + b"\r\n" for name, value in head.headers.raw_items() if name.lower() not in framing]
    length = b"Content-Length: %d\r\n" % len(body) if body or any(name in framing for name, _ in head.headers) else b""
    return head.method + b" " + head.target + b" HTTP/" + head.http_version + b"\r\n" + b"".join(lines) + length + b"\r\n" + body


class Answers:
    """The answers on one connection, parsed as they come."""

    def __init__(self):
        self.data, self.all = b"", []

    def feed(self, data):
        self.data += data
        while b"\r\n\r\n" in self.data:
            head, _, rest = self.data.partition(b"\r\n\r\n")
            lines = head.split(b"\r\n")
            assert lines[0].startswith(b"HTTP/1."), self.data[:200]
            status = int(lines[0].split()[1])
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
            length = 0 if status == 100 else int(fields[b"content-length"])
            if len(rest) < length:
                return
            self.data = rest[length:]
            if status != 100:
                self.all.append(Answer(status, fields.get(b"connection", b"").lower() == b"close", rest[:length]))


class Gateway:
    def __init__(self, port):
        self.port, self.known = port, {}

    def ask(self, data, expected):
        """Sends, waits for that many answers or the end, closes its half, reads to the end. @returns answers, whether some were missing."""
        answers = Answers()
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.settimeout(10)
            try:
                connection.sendall(data)
                connection.settimeout(2)
                while len(answers.all) < expected:
                    got = connection.recv(1 << 20)
                    if not got:
                        break
                    answers.feed(got)
            except (TimeoutError, ConnectionError):
                pass
            connection.settimeout(10)
            try:
                connection.shutdown(socket.SHUT_WR)
                while got := connection.recv(1 << 20):
                    answers.feed(got)
            except ConnectionError:
                pass
            except OSError as error:
                if error.errno != 107:  # the other side has closed already
                    raise
        assert not answers.data, answers.data[:200]
        return answers.all

    def plainly(self, request):
        if request not in self.known:
            answers = self.ask(request, 1)
            assert len(answers) == 1, (request, answers)
            self.known[request] = answers[0]
        return self.known[request]


def is_refusal(answer):
    return answer.status >= 400 and answer.closes and b'{"error":{"message":"' in answer.body


def judge(gateway, data):
    """@returns (answers, requests, why the gateway was stricter or None). @raises AssertionError when the rule is broken."""
    requests, end = h11_requests(data)
    answers = gateway.ask(data, len(requests) + (end == "error"))
    stricter = None
    for i, answer in enumerate(answers):
        if i < len(requests):
            want = gateway.plainly(requests[i])
            if (answer.status, answer.body) == (want.status, want.body):
                assert not answer.closes or i + 1 == len(answers), "an answer after one that closes"
                continue
            assert is_refusal(answer) and i + 1 == len(answers), f"answer {i} is {answer}, plainly {want}"
            stricter = answer.body.split(b'"')[5].decode(errors="replace")
        else:
            assert is_refusal(answer) and i + 1 == len(answers) == len(requests) + 1, f"answer {i} to nothing that h11 sees: {answer}"
    if len(answers) < len(requests):
        assert answers and answers[-1].closes, f"{len(answers)} answers to {len(requests)} requests, and the connection was not closed"
    return answers, requests, stricter


# name, bytes, the statuses of the answers
TABLE = [
    ("plain_get", GET, [200]),
    ("content_length", POST + LENGTH + GET, [200, 200]),
    ("chunks_with_extension_and_trailer", POST + CHUNKED + GET, [200, 200]),
    ("length_and_chunked", POST + b"Content-Length: 4\r\n" + CHUNKED + NEXT, [400]),
    ("chunked_and_length", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + CHUNKS + NEXT, [400]),
    ("two_lengths", POST + b"Content-Length: 5\r\n" + LENGTH + NEXT, [400]),
    ("two_equal_lengths", POST + b"Content-Length: 16\r\n" + LENGTH + NEXT, [400]),
    ("length_list", POST + b"Content-Length: 16, 16\r\n\r\n" + BODY + NEXT, [400]),
    ("length_with_sign", POST + b"Content-Length: +16\r\n\r\n" + BODY, [400]),
    ("length_in_hex", POST + b"Content-Length: 0x10\r\n\r\n" + BODY, [400]),
    ("length_of_25_digits", POST + b"Content-Length: 9999999999999999999999999\r\n\r\n", [400]),
    ("body_over_the_limit", POST + b"Content-Length: 99999999999\r\n\r\n", [413]),
    ("bare_line_feeds", GET.replace(b"\r\n", b"\n") + NEXT, [400]),
    ("bare_line_feed_in_chunks", POST + CHUNKED.replace(b"a\r\n", b"a\n") + NEXT, [400]),
    ("bare_carriage_return", GET.replace(b"localhost", b"local\rhost") + NEXT, [400]),
    ("chunk_size_overflow", POST + b"Transfer-Encoding: chunked\r\n\r\n1000000000000000f\r\nab\r\n0\r\n\r\n" + NEXT, [400]),
    ("chunk_size_of_20_digits", POST + b"Transfer-Encoding: chunked\r\n\r\n0000000000000000000f\r\nab\r\n0\r\n\r\n" + NEXT, [400]),
    ("chunk_size_with_prefix", POST + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n" + NEXT, [400]),
    ("chunk_size_with_sign", POST + b"Transfer-Encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n" + NEXT, [400]),
    ("chunk_longer_than_said", POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n" + NEXT, [400]),
    ("header_of_17_kib", GET.replace(b"\r\n\r\n", b"\r\nX: " + b"a" * 17000 + b"\r\n\r\n"), [431]),
    ("header_of_9_kib", GET.replace(b"\r\n\r\n", b"\r\nX: " + b"a" * 9000 + b"\r\n\r\n"), [200]),
    ("ten_thousand_headers", GET.replace(b"\r\n\r\n", b"\r\n" + b"a:b\r\n" * 10000 + b"\r\n"), [431]),
    ("nul_in_a_header", GET.replace(b"\r\n\r\n", b"\r\nX: a\0b\r\n\r\n") + NEXT, [400]),
    ("nul_in_the_target", GET.replace(b"/healthz", b"/heal\0thz") + NEXT, [400]),
    ("high_byte_in_the_target", GET.replace(b"/healthz", b"/healthz\xff") + NEXT, [400]),
    ("space_in_the_target", GET.replace(b"/healthz", b"/health z") + NEXT, [505]),
    ("space_before_the_colon", POST + b"Content-Length : 16\r\n\r\n" + BODY + NEXT, [400]),
    ("name_with_brackets", GET.replace(b"\r\n\r\n", b"\r\n(X): y\r\n\r\n") + NEXT, [400]),
    ("header_without_colon", GET.replace(b"\r\n\r\n", b"\r\nX\r\n\r\n") + NEXT, [400]),
    ("header_without_name", GET.replace(b"\r\n\r\n", b"\r\n: y\r\n\r\n") + NEXT, [400]),
    ("folded_header", POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKS + NEXT, [400]),
    ("encoding_gzip_chunked", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS + NEXT, [501]),
    ("encoding_twice", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + CHUNKS + NEXT, [400]),
    ("encoding_with_vertical_tab", POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKS + NEXT, [400]),
    ("encoding_in_1_0", POST.replace(b"1.1", b"1.0") + CHUNKED + NEXT, [400]),
    ("no_host", b"GET /healthz HTTP/1.1\r\n\r\n" + NEXT, [400]),
    ("two_hosts", GET.replace(HOST, HOST + HOST) + NEXT, [400]),
    ("no_version", b"GET /healthz\r\n" + HOST + b"\r\n" + NEXT, [400]),
    ("version_of_two_digits", GET.replace(b"1.1", b"1.11") + NEXT, [505]),
    ("empty_line_first", b"\r\n" + GET, [400]),
    ("tls_hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)), [400]),
    ("non_utf8_json", POST + b"Content-Length: 15\r\n\r\n" + b'{"content":"\xff"}' + GET, [400, 200]),
    ("json_ten_thousand_deep", POST + b"Content-Length: 20000\r\n\r\n" + b"[" * 10000 + b"]" * 10000 + GET, [400, 200]),
    ("json_duplicate_keys", POST + b"Content-Length: 29\r\n\r\n" + b'{"content":"A","content":"B"}' + GET, [400, 200]),
    ("json_1e400", POST + b"Content-Length: 17\r\n\r\n" + b'{"content":1e400}' + GET, [400, 200]),
    ("wrong_type", POST.replace(b"application/json", b"text/plain") + LENGTH, [415]),
    ("wrong_method", GET.replace(b"/healthz", b"/tokenize") + GET, [405, 200]),
    ("expect_continue", POST + b"Expect: 100-continue\r\n" + LENGTH + GET, [200, 200]),
    ("expect_tea", POST + b"Expect: tea\r\n" + LENGTH + NEXT, [417]),
    ("pipelined_1000", GET * 1000, [200] * 1000),
    ("close_then_more", GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + NEXT, [200]),
    ("version_1_0_then_more", GET.replace(b"1.1", b"1.0") + NEXT, [200]),
]

SEEDS = [GET, POST + LENGTH, POST + CHUNKED, GET + GET, POST + LENGTH + GET, POST + CHUNKED + GET, POST + CHUNKED + POST + LENGTH + NEXT,
         POST + b"Expect: 100-continue\r\n" + LENGTH + GET, GET.replace(b"1.1", b"1.0"), POST + LENGTH + POST + CHUNKED + GET]
PIECES = [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b";", b",", b"0", b"1", b"f", b"-", b"+", b"\0", b"\x0b", b"\x7f", b"\x80", b"\xff",
          b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", b"content-length:16\r\n", b"Transfer-Encoding: chunked\r\n",
          b"transfer-encoding: Chunked\r\n", b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding : chunked\r\n", b"Connection: close\r\n",
          b"Connection: keep-alive\r\n", b"0\r\n\r\n", b"5\r\nGET /\r\n", b" HTTP/1.1", b" HTTP/1.0", b"Host: localhost\r\n", b"X: y\r\n z\r\n", NEXT]


def mutation(source):
    data = source.choice(SEEDS)
    for _ in range(source.choice([1, 1, 1, 2, 3])):
        at, kind = source.randrange(len(data) + 1), source.randrange(6)
        if kind == 0:
            data = data[:at] + source.choice(PIECES) + data[at:]
        elif kind == 1:
            data = data[:at] + data[at + source.randrange(1, 4):]
        elif kind == 2:
            data = data[:at] + bytes([source.randrange(256)]) + data[at + 1:]
        else:  # whole lines: moved, doubled, or a piece before one
            lines = data.split(b"\r\n")
            one, other = source.randrange(len(lines)), source.randrange(len(lines))
            if kind == 3:
                lines[one], lines[other] = lines[other], lines[one]
            elif kind == 4:
                lines.insert(one, lines[other])
            else:
                lines[one] = source.choice(PIECES) + lines[one]
            data = b"\r\n".join(lines)
    return data


def run_table(gateway):
    failures = []
    for name, data, statuses in TABLE:
        try:
            answers, requests, _ = judge(gateway, data)
            assert [answer.status for answer in answers] == statuses, [answer.status for answer in answers]
            if not requests:
                assert all(answer.status >= 400 for answer in answers), "h11 sees no request"
        except AssertionError as error:
            failures.append(f"{name}: {error}")
    return failures


def run_mutations(gateway, count, seed):
    source, failures, stricter, seen = random.Random(seed), [], collections.Counter(), collections.Counter()
    for number in range(count):
        data = mutation(source)
        try:
            answers, requests, why = judge(gateway, data)
            seen["served alike"] += why is None and len(answers) >= len(requests) > 0
            seen["refused by both"] += not requests and bool(answers)
            if why:
                stricter[why] += 1
        except AssertionError as error:
            failures.append(f"mutation {number} {data!r}: {error}")
    return failures, stricter, seen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("--mutations", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=36)
    options = parser.parse_args()
    server = subprocess.Popen([options.server], stdout=subprocess.PIPE, text=True)
    try:
        gateway = Gateway(int(server.stdout.readline().rsplit(":", 1)[1]))
        failures = run_table(gateway)
        more, stricter, seen = run_mutations(gateway, options.mutations, options.seed)
        failures += more
        assert gateway.ask(GET, 1)[0].status == 200, "the server goes on"
    finally:
        server.terminate()
        ended = server.wait(15)
    for failure in failures[:40]:
        print(failure, file=sys.stderr)
    print(f"{len(TABLE)} rows, {options.mutations} mutations: {dict(seen)}, {len(failures)} failures; stricter than h11:")
    for why, times in stricter.most_common():
        print(f"  {times:5} {why}")
    # The mutations must exercise both sides, or they show nothing.
    enough = options.mutations < 1000 or (seen["served alike"] > options.mutations / 20 and seen["refused by both"] > options.mutations / 20)
    return 0 if not failures and ended == 0 and enough else 1


if __name__ == "__main__":
    sys.exit(main())
