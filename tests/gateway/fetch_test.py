"""Pictures by https: fetch_test.py FAKE_ZENITH. The test's own https server at 127.0.0.1 is the one address beside the public ones."""
import base64
import http.server
import pathlib
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import httpx

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
from certificate import make_certificate  # noqa: E402

PICTURE = b"\x89PNG\r\n\x1a\n" + b"x" * 992


class Site(http.server.BaseHTTPRequestHandler):
    requests, parents = [], []

    def log_message(self, *_):
        pass

    def do_GET(self):
        Site.requests.append(self.path)
        Site.parents.append(self.headers["traceparent"])
        port = self.server.server_port
        redirects = {"/again": f"https://127.0.0.1:{port}/picture", "/inside": f"https://127.0.0.2:{port}/picture",
                     "/name": f"https://localhost.:{port}/picture", "/plain": f"http://127.0.0.1:{port}/picture",
                     "/file": "file:///etc/passwd", "/loop": f"https://127.0.0.1:{port}/loop"}
        if self.path in redirects:
            self.send_response(302)
            self.send_header("Location", redirects[self.path])
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.path == "/missing":
            return self.send_error(404)
        if self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"y" * 65536)
            except OSError:
                return
        if self.path == "/slow":
            time.sleep(4)
        body = b"" if self.path == "/empty" else PICTURE
        self.send_response(200)
        self.send_header("Content-Length", str(300_000 if self.path == "/large" else len(body)))
        self.end_headers()
        self.wfile.write(body)


class Fetch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        ca, cert, key = make_certificate(cls.folder.name)
        cls.site = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Site)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        cls.site.socket = context.wrap_socket(cls.site.socket, server_side=True)
        cls.site.daemon_threads = True
        threading.Thread(target=cls.site.serve_forever, daemon=True).start()
        cls.base = f"https://127.0.0.1:{cls.site.server_port}"
        cls.server = subprocess.Popen([sys.argv_exe, "--fetch-from", "127.0.0.1", str(ca)], stdout=subprocess.PIPE, text=True)
        cls.url = cls.server.stdout.readline().strip()

    @classmethod
    def tearDownClass(cls):
        cls.server.send_signal(signal.SIGTERM)
        assert cls.server.wait(15) == 0
        cls.site.shutdown()
        cls.folder.cleanup()

    def ocr(self, image):
        return httpx.post(self.url + "/v1/vision/ocr", json={"image": image}, timeout=30)

    def refused(self, image, says, status=400, field="image"):
        answer = self.ocr(image)
        self.assertEqual((answer.status_code, answer.json()["error"]["param"]), (status, field), answer.text)
        self.assertIn(says, answer.json()["error"]["message"])

    def test_a_picture_is_fetched_and_redirects_are_followed(self):
        for path in ("/picture", "/again"):
            answer = self.ocr(self.base + path)
            self.assertEqual(answer.status_code, 200, answer.text)
            self.assertEqual(answer.json()["height"], len(PICTURE), "the scripted engine says how many bytes came")
            self.assertEqual(answer.json()["text"], "PLATFORM 9")

    def test_the_one_who_is_asked_is_told_the_trace(self):
        trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
        Site.parents.clear()
        answer = httpx.post(self.url + "/v1/vision/ocr", json={"image": self.base + "/again"}, timeout=30,
                            headers={"traceparent": f"00-{trace}-{parent}-01"})
        self.assertEqual(answer.status_code, 200, answer.text)
        self.assertEqual(len(Site.parents), 2, "the redirect and the picture")
        for told in Site.parents:
            version, seen, span, flags = told.split("-")
            self.assertEqual((version, seen, flags), ("00", trace, "01"))
            self.assertRegex(span, "^[0-9a-f]{16}$")
            self.assertNotEqual(span, parent, "a span of its own")

    def test_addresses_that_are_not_public_are_refused_at_the_connection(self):
        port = self.site.server_port
        before = len(Site.requests)
        for host in ("127.0.0.2", "10.0.0.1", "192.168.1.1", "169.254.169.254", "[::1]", "0.0.0.0", "[::ffff:127.0.0.3]",
                     "2130706434"):
            self.refused(f"https://{host}:{port}/picture", "is not public")
        self.assertEqual(len(Site.requests), before, "nothing was asked of them")

    def test_redirects_are_judged_as_the_first_address_is(self):
        self.refused(self.base + "/inside", "127.0.0.2 is not public")
        self.refused(self.base + "/plain", "could not be fetched")
        self.refused(self.base + "/file", "could not be fetched")
        self.refused(self.base + "/loop", "could not be fetched")

    def test_what_goes_wrong_is_said(self):
        self.refused(self.base + "/missing", "status 404")
        self.refused(self.base + "/empty", "it is empty")
        self.refused(self.base + "/large", "more than 100000 bytes", 413)
        self.refused(self.base + "/endless", "more than 100000 bytes", 413)
        started = time.monotonic()
        self.refused(self.base + "/slow", "took longer than 1500 ms")
        self.assertLess(time.monotonic() - started, 3.5)
        self.refused(f"https://127.0.0.1:{self.site.server_port + 1}/", "could not be fetched")

    def test_urls_that_are_none(self):
        for image, says in (("http://127.0.0.1/", "must be a data: or an https: URL"), ("ftp://a/b", "must be a data:"),
                            ("https://user:pw@127.0.0.1/", "name or password"), ("https:///x", "names no host"), ("", "must be a data:"),
                            ("data:image/png;base64,@@@@", "no base64"), ("data:text/html;base64,AAAA", "not of a picture"),
                            ("data:image/svg+xml;base64,AAAA", "SVG"), ("data:image/png,abc", "not in base64")):
            self.refused(image, says)

    def test_in_a_chat_the_place_is_named(self):
        def chat(*urls):
            parts = [{"type": "text", "text": "What is here?"}] + [{"type": "image_url", "image_url": {"url": u, "detail": "low"}} for u in urls]
            return httpx.post(self.url + "/v1/chat/completions", json={"messages": [{"role": "user", "content": parts}]}, timeout=30)

        data = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
        self.assertEqual(chat(data, self.base + "/picture").status_code, 200)
        answer = chat(data, self.base + "/missing")
        self.assertEqual((answer.status_code, answer.json()["error"]["param"]), (400, "messages[0].content[2].image_url"), answer.text)

    def test_a_client_that_leaves_costs_nothing(self):
        with self.assertRaises(httpx.ReadTimeout):
            httpx.post(self.url + "/v1/vision/ocr", json={"image": self.base + "/slow"}, timeout=0.3)
        self.assertEqual(self.ocr(self.base + "/picture").status_code, 200)


if __name__ == "__main__":
    sys.argv_exe = sys.argv.pop(1)
    unittest.main()
