"""The life of `zenith serve`: start, signals, reload, and the ways in which it cannot start."""
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "clients"))
from certificate import make_certificate  # noqa: E402

EXE = os.environ["ZENITH_EXE"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server whose stderr lines are kept as they come."""

    def __init__(self, *arguments, environment=None):
        self.port = free_port()
        self.process = subprocess.Popen([EXE, "serve", "--offline", "--listen", f"127.0.0.1:{self.port}", *arguments],
                                        env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.grown, self.connections = [], threading.Condition(), []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            with self.grown:
                self.lines.append(line)
                self.grown.notify_all()
        with self.grown:
            self.grown.notify_all()

    def wait_line(self, part, seconds=60):
        with self.grown:
            found = self.grown.wait_for(lambda: any(part in line for line in self.lines), seconds)
        assert found, f"no line with {part!r} in:\n{''.join(self.lines)}"

    def wait_ready(self):
        return self.process.stdout.readline() + self.process.stdout.readline()

    def ended(self, seconds=60):
        code = self.process.wait(seconds)
        self.reader.join(10)
        for connection in self.connections:
            connection.close()
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def stream(self, tokens):
        """Starts a chat stream. @returns the response once its first bytes are there."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/v1/chat/completions", json.dumps(
            {"messages": [{"role": "user", "content": "Count."}], "max_tokens": tokens, "stream": True, "temperature": 0,
             "ignore_eos": True}), {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.readline()
        self.connections.append(connection)
        return response


class ServeTest(unittest.TestCase):
    def server(self, *arguments, **options):
        server = Server(*arguments, **options)
        self.addCleanup(lambda: server.process.poll() is None and server.process.kill())
        return server

    def test_ready_says_what_to_open_and_what_to_curl_and_sigterm_ends_with_0(self):
        server = self.server()
        greeting = server.wait_ready()
        self.assertIn(f"http://127.0.0.1:{server.port}/", greeting)
        self.assertIn("curl ", greeting)
        self.assertIn("smollm2-135m", greeting)
        # The line can be pasted as it is.
        command = next(line for line in greeting.splitlines() if "curl" in line).strip()
        done = subprocess.run(["bash", "-c", command.replace('"Hello"}]', '"Hello"}],"max_tokens":4')], capture_output=True,
                              text=True, timeout=120, check=False)
        self.assertEqual(json.loads(done.stdout)["object"], "chat.completion", done.stderr)
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.ended(), 0)

    def test_sigterm_lets_a_running_answer_end(self):
        server = self.server(environment={"ZENITH_SERVER_DRAIN_S": "300"})  # sanitized builds are slow
        server.wait_ready()
        response = server.stream(40)
        server.process.send_signal(signal.SIGTERM)
        server.wait_line("draining")
        rest = response.read().decode()
        self.assertIn('"finish_reason":"length"', rest.replace(" ", ""))
        self.assertIn("[DONE]", rest)
        self.assertEqual(server.ended(), 0)

    def test_a_second_signal_ends_it_at_once(self):
        server = self.server()
        server.wait_ready()
        server.stream(2000)
        server.process.send_signal(signal.SIGTERM)
        server.wait_line("draining")
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.ended(), -signal.SIGTERM)
        self.assertLess(time.monotonic() - started, 5)

    def test_the_drain_time_is_kept(self):
        server = self.server(environment={"ZENITH_SERVER_DRAIN_S": "1"})
        server.wait_ready()
        response = server.stream(8000)
        started = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        rest = response.read().decode()
        self.assertEqual(server.ended(), 0)
        self.assertLess(time.monotonic() - started, 20)
        self.assertIn('"error"', rest)

    def test_a_port_in_use(self):
        first = self.server()
        first.wait_ready()
        second = subprocess.run([EXE, "serve", "--offline", "--listen", f"127.0.0.1:{first.port}"], capture_output=True, text=True,
                                timeout=60, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"{first.port} is in use", second.stderr)
        first.process.send_signal(signal.SIGTERM)
        self.assertEqual(first.ended(), 0)

    def test_sighup_reloads_the_level_and_keeps_the_old_configuration_when_the_new_one_is_wrong(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "zenith.toml"
            path.write_text('[log]\nlevel = "info"\n')
            server = self.server("--config", str(path))
            server.wait_ready()
            path.write_text('[log]\nlevle = "warn"\n')
            server.process.send_signal(signal.SIGHUP)
            server.wait_line("the nearest is log.level")
            path.write_text('[log]\nlevel = "debug"\n')
            server.process.send_signal(signal.SIGHUP)
            server.wait_line("configuration reloaded")
            path.write_text('[log]\nlevel = "debug"\n[server]\nbody_bytes = 4096\n')
            server.process.send_signal(signal.SIGHUP)
            server.wait_line("need a restart")
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.ended(), 0)

    def test_tls_serves_and_sighup_takes_a_renewed_certificate(self):
        with tempfile.TemporaryDirectory() as folder:
            ca, cert, key = make_certificate(folder)
            path = pathlib.Path(folder) / "zenith.toml"
            path.write_text(f'[server]\ntls_cert = "{cert}"\ntls_key = "{key}"\n')
            server = self.server("--config", str(path))
            greeting = server.wait_ready()
            self.assertIn(f"https://127.0.0.1:{server.port}/", greeting)
            self.assertNotIn("http://", greeting)

            def serial():
                trusted = ssl.create_default_context(cafile=ca)
                with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
                    with trusted.wrap_socket(plain, server_hostname="localhost") as wrapped:
                        return wrapped.getpeercert()["serialNumber"]

            first = serial()
            command = next(line for line in greeting.splitlines() if "curl" in line).strip()
            done = subprocess.run(["bash", "-c", command.replace('"Hello"}]', '"Hello"}],"max_tokens":4') + f" --cacert {ca}"],
                                  capture_output=True, text=True, timeout=120, check=False)
            self.assertEqual(json.loads(done.stdout)["object"], "chat.completion", done.stderr)
            whole = cert.read_text()
            cert.write_text("half a certificate")
            server.process.send_signal(signal.SIGHUP)
            server.wait_line("the old one stays")
            self.assertEqual(serial(), first)
            cert.write_text(whole)
            make_certificate(folder)
            server.process.send_signal(signal.SIGHUP)
            server.wait_line("TLS certificate reloaded")
            self.assertNotEqual(serial(), first)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.ended(), 0)

    def test_a_wrong_certificate_is_said_and_nothing_is_served(self):
        with tempfile.TemporaryDirectory() as folder:
            _, cert, _ = make_certificate(folder)
            for environment, code, says in [
                ({"ZENITH_SERVER_TLS_CERT": str(cert)}, 2, "server.tls_key is not: TLS needs both"),
                ({"ZENITH_SERVER_TLS_CERT": str(cert), "ZENITH_SERVER_TLS_KEY": str(cert)}, 1,
                 f"server.tls_key: {cert} holds no PEM private key"),
            ]:
                server = self.server(environment=environment)
                self.assertEqual(server.ended(), code)
                self.assertIn(says, "".join(server.lines))

    def test_models_that_cannot_be_served_are_said_and_end_it(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "broken.gguf"
            path.write_bytes(b"GGUF\x03\x00\x00\x00 and then nothing")
            server = self.server("--model", str(path))
            self.assertEqual(server.ended(), 1)
            self.assertIn("broken.gguf", "".join(server.lines))

    def test_too_little_memory_is_said_before_loading(self):
        server = self.server(environment={"ZENITH_MODELS_BUDGET_BYTES": "1000000"})
        self.assertEqual(server.ended(), 1)
        self.assertIn("1000000", "".join(server.lines).replace(",", ""))

    def test_an_address_beyond_loopback_needs_keys(self):
        done = subprocess.run([EXE, "serve", "--offline", "--listen", f"0.0.0.0:{free_port()}"], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("exposed", done.stderr)


if __name__ == "__main__":
    unittest.main()
