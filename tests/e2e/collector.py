"""A collector of traces: takes OTLP over HTTP in JSON, refuses what does not follow the format, keeps the spans."""
import http.server
import json
import re
import threading
import time

HEX = {16: re.compile(r"[0-9a-f]{32}"), 8: re.compile(r"[0-9a-f]{16}")}


def is_id(value, size):
    return isinstance(value, str) and HEX[size].fullmatch(value) and set(value) != {"0"}


def check_value(value):
    """An AnyValue: exactly one of its kinds; int64 are strings in JSON."""
    assert isinstance(value, dict) and len(value) == 1, value
    (kind, content), = value.items()
    assert kind in ("stringValue", "intValue", "doubleValue", "boolValue"), value
    assert isinstance(content, {"stringValue": str, "intValue": str, "doubleValue": (int, float), "boolValue": bool}[kind]), value
    if kind == "intValue":
        int(content)
    return content


def check_attributes(attributes):
    found = {}
    for one in attributes:
        assert set(one) == {"key", "value"} and isinstance(one["key"], str) and one["key"] not in found, one
        found[one["key"]] = check_value(one["value"])
    return found


def check_span(span):
    known = {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes", "status"}
    assert set(span) <= known, set(span) - known
    assert is_id(span["traceId"], 16) and is_id(span["spanId"], 8), span
    assert "parentSpanId" not in span or is_id(span["parentSpanId"], 8), span
    assert isinstance(span["name"], str) and span["name"] and span["kind"] in (1, 2, 3, 4, 5), span
    start, end = (span[key] for key in ("startTimeUnixNano", "endTimeUnixNano"))
    assert isinstance(start, str) and isinstance(end, str) and int(start) <= int(end), span
    assert abs(int(end) / 1e9 - time.time()) < 300, "the times are not those of the wall clock"
    assert set(span["status"]) <= {"code", "message"} and span["status"].get("code", 0) in (0, 1, 2), span
    return {**span, "attributes": check_attributes(span["attributes"])}


def check_request(body):
    """ExportTraceServiceRequest → its spans, each with the attributes of its resource."""
    assert set(body) == {"resourceSpans"}, set(body)
    spans = []
    for resource in body["resourceSpans"]:
        assert set(resource) == {"resource", "scopeSpans"}, set(resource)
        about = check_attributes(resource["resource"]["attributes"])
        assert about["service.name"], about
        for scope in resource["scopeSpans"]:
            assert set(scope) == {"scope", "spans"} and scope["scope"]["name"], scope
            spans += [{**check_span(span), "resource": about} for span in scope["spans"]]
    return spans


class Collector:
    """Use as a context; `url` is its endpoint. `status` is what it answers: other than 200 it keeps nothing."""

    def __init__(self, status=200):
        self.spans, self.faults, self.posts, self.status = [], [], 0, status
        self.lock = threading.Lock()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with collector.lock:
                    collector.posts += 1
                    try:
                        assert self.path == "/v1/traces" and self.headers["Content-Type"] == "application/json"
                        spans = check_request(json.loads(body))
                        if collector.status == 200:
                            collector.spans += spans
                    except (AssertionError, KeyError, ValueError, TypeError) as fault:
                        collector.faults.append(repr(fault))
                self.send_response(collector.status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/traces"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def trace(self, trace_id, seconds=20, least=1):
        """The spans of that trace by id, once there are `least`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self.lock:
                assert not self.faults, self.faults
                found = {s["spanId"]: s for s in self.spans if s["traceId"] == trace_id}
            if len(found) >= least:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{len(found)} spans came of {trace_id}, not {least}: {[s['name'] for s in found.values()]}")
