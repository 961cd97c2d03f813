"""A session is recorded, the server is started anew, the session is replayed: every text is the same. And a disk that is full."""
import concurrent.futures
import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import tempfile
import unittest

import httpx
from with_server import free_port, wait_ready

import replay

EXE = os.environ["ZENITH_EXE"]


class Server:
    def __init__(self, *arguments):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen([EXE, "serve", "--offline", "--listen", f"127.0.0.1:{port}", *arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        problem = wait_ready(self.url, self.process, 60)
        assert problem is None, problem
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.log = self.process.communicate(timeout=60)[1]
        assert self.process.returncode == 0, self.log


def chat(text, **fields):
    return "/v1/chat/completions", {"messages": [{"role": "user", "content": text}], "max_tokens": 24, **fields}


# Sampled at temperature 1 wherever nothing else is said, and most of them without a seed.
SESSION = [
    chat("Tell me about rivers."),
    chat("Tell me about rivers."),
    chat("Say it in two ways.", n=2, max_tokens=12),
    chat("Count to ten.", stream=True, stream_options={"include_usage": True}),
    chat("Name a colour.", temperature=0, logprobs=True, top_logprobs=2),
    chat("Use a stop.", stop=["."], max_tokens=40),
    chat("Penalties.", presence_penalty=0.5, frequency_penalty=0.25, repeat_penalty=1.1, logit_bias={"28": -100}),
    chat("Narrow.", top_k=5, top_p=0.8, min_p=0.05, temperature=0.7, seed=-3),
    ("/v1/chat/completions", {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [
        {"type": "text", "text": "Two "}, {"type": "text", "text": "parts 👩‍👩‍👧."}]}], "max_completion_tokens": 8}),
    ("/v1/completions", {"prompt": "Once upon a time", "max_tokens": 16, "echo": True}),
    ("/v1/completions", {"prompt": [19556, 905], "max_tokens": 16, "seed": 2**62}),
    ("/v1/completions", {"prompt": ["One", "Two"], "max_tokens": 8}),
    ("/tokenize", {"content": "Zażółć <|im_end|>", "add_special": True}),
    ("/detokenize", {"tokens": [19556, 905]}),
    ("/apply-template", {"messages": [{"role": "user", "content": "x"}]}),
    ("/v1/embeddings", {"model": "minilm-l6", "input": ["a", "b c"]}),
]


class ReplayTest(unittest.TestCase):
    def test_a_recorded_session_says_the_same_again(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "session.jsonl"
            with Server("--record", str(file)) as server, httpx.Client(base_url=server.url, timeout=300) as client:
                with concurrent.futures.ThreadPoolExecutor(6) as pool:
                    answers = list(pool.map(lambda request: client.post(request[0], json=request[1]), SESSION))
                for request, answer in zip(SESSION, answers):
                    self.assertEqual(answer.status_code, 200, (request, answer.text))
                metrics = client.get("/metrics").text
                self.assertIn("zenith_recording_active 1", metrics)
                # Someone who leaves in the middle is recorded, and not sent again.
                with client.stream("POST", "/v1/chat/completions",
                                   json=chat("Go on and on.", max_tokens=4000, stream=True, ignore_eos=True)[1]) as stream:
                    next(stream.iter_lines())
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
            requests = replay.read_recording(file)
            self.assertEqual(len(requests), len(SESSION) + 2, "one completion has two prompts")
            self.assertEqual([request["order"] for request in requests], list(range(1, len(requests) + 1)))
            self.assertTrue(all("seed" in r["sampling"] for r in requests if r["request"] == "generate"))
            rivers = [replay.outcome(r)["choices"] for r in requests if "chat" in r and "rivers" in json.dumps(r["chat"])]
            self.assertEqual(len(rivers), 2)
            self.assertNotEqual(rivers[0], rivers[1], "two drawings with two seeds")

            with Server() as server:
                done = subprocess.run([sys.executable, replay.__file__, str(file), "--base-url", server.url, "--json"],
                                      capture_output=True, text=True, timeout=600, check=False)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                result = json.loads(done.stdout)
                self.assertEqual((result["recorded"], result["sent"], result["equal"]),
                                 (len(requests), len(requests) - 1, len(requests) - 1))
                # The comparison can fail: another seed, another text; a cut last line costs one request.
                lines = file.read_text().splitlines(keepends=True)
                changed = pathlib.Path(folder) / "changed.jsonl"
                changed.write_text("".join(
                    line if "rivers" not in line or not line.startswith('{"request"') else json.dumps(
                        {**json.loads(line), "sampling": {**json.loads(line)["sampling"], "seed": 12345}}) + "\n"
                    for line in lines) + lines[-1][:20])
                result = replay.replay(changed, server.url, 4)
                self.assertEqual(len(result["different"]), 2)

    def test_a_full_disk_ends_the_recording_and_nothing_else(self):
        with Server("--record", "/dev/full") as server, httpx.Client(base_url=server.url, timeout=300) as client:
            for _ in range(3):
                self.assertEqual(client.post("/v1/chat/completions", json=chat("Hi.", max_tokens=4)[1]).status_code, 200)
            metrics = client.get("/metrics").text
        self.assertIn("zenith_recording_failures_total 1", metrics)
        self.assertIn("zenith_recording_active 0", metrics)
        self.assertEqual(server.log.count("the recording has ended early"), 1, server.log)
        self.assertIn("No space left on device", server.log)

    def test_a_file_that_is_there_is_not_overwritten(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("precious")
            file.flush()
            done = subprocess.run([EXE, "serve", "--offline", "--listen", f"127.0.0.1:{free_port()}", "--record", file.name],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("has content already", done.stderr)
            self.assertEqual(pathlib.Path(file.name).read_text(), "precious")


if __name__ == "__main__":
    unittest.main()
