"""What must hold of a running stack of containers: against_stack.py URL KEY KILL_COMMAND NAME…

NAME… are the containers of the role text; `KILL_COMMAND NAME` ends one of them without a word. Standard library only: this is run by
scripts/compose-test.sh, on machines that have no .venv.
"""
import http.client
import json
import pathlib
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

READY_WITHIN_S = 180
STREAM = {"messages": [{"role": "user", "content": "Count from one to one hundred."}], "max_tokens": 160, "temperature": 0,
          "ignore_eos": True, "stream": True, "model": "smollm2-135m"}


class Stack:
    def __init__(self, url, key):
        self.url, self.key = url, key

    def ask(self, path, body=None, key=None):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body is not None else None,
                                         {"Content-Type": "application/json", "Authorization": f"Bearer {key or self.key}"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def bytes(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(),
                                         {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read()

    def ready_services(self):
        try:
            return {s["id"] for s in self.ask("/readyz")["services"] if s["status"] == "ready"}
        except (OSError, ValueError, KeyError, http.client.HTTPException):
            return set()

    def wait_for(self, ids, what):
        end = time.monotonic() + READY_WITHIN_S
        while not ids <= self.ready_services():
            assert time.monotonic() < end, f"{what}: {sorted(ids - self.ready_services())} did not become ready in {READY_WITHIN_S} s"
            time.sleep(0.5)

    def stream(self, on_first=lambda: None):
        """@returns the text, the reasons to finish, and the longest silence in seconds."""
        where = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=120)
        connection.request("POST", "/v1/chat/completions", json.dumps(STREAM),
                           {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"})
        response = connection.getresponse()
        assert response.status == 200, response.read()
        text, finished, done, silence, last, count = "", [], 0, 0.0, time.monotonic(), 0
        for line in response:
            line = line.decode().strip()
            if not line.startswith("data: "):
                continue
            now = time.monotonic()
            silence, last, count = max(silence, now - last) if count else 0.0, now, count + 1
            if line == "data: [DONE]":
                done += 1
                continue
            chunk = json.loads(line[6:])
            assert "error" not in chunk, chunk
            text += chunk["choices"][0]["delta"].get("content") or ""
            finished += [chunk["choices"][0]["finish_reason"]] if chunk["choices"][0]["finish_reason"] else []
            if count == 8:
                on_first()
        connection.close()
        assert done == 1, f"{done} ends of one stream"
        return text, finished, silence


def cpu_ticks(container):
    """What the container's processes have computed so far."""
    pid = subprocess.run(["docker", "inspect", "-f", "{{.State.Pid}}", container], capture_output=True, text=True, check=True).stdout.strip()
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def kill_the_busy_one(kill, containers, killed):
    before = {c: cpu_ticks(c) for c in containers}
    time.sleep(0.4)
    busy = max(containers, key=lambda c: cpu_ticks(c) - before[c])
    subprocess.run([*kill, busy], check=True)
    killed.append(busy)


def main():
    url, key, kill, containers = sys.argv[1].rstrip("/"), sys.argv[2], sys.argv[3].split(), sys.argv[4:]
    stack = Stack(url, key)
    both = {f"{text}:{model}" for text in ("text", "text.2") for model in ("smollm2-135m", "minilm-l6")}
    wanted = both if len(containers) > 1 else {i for i in both if not i.startswith("text.2")}
    stack.wait_for(wanted | {"router"} | ({"voice"} if len(containers) > 1 else set()), "the stack")
    print("ready:", ", ".join(sorted(stack.ready_services())))

    try:
        stack.ask("/v1/models", key="wrong")
        raise AssertionError("a wrong key was let in")
    except urllib.error.HTTPError as refused:
        assert refused.code == 401, refused.code
    answer = stack.ask("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8})
    assert answer["choices"][0]["message"]["content"] and answer["usage"]["completion_tokens"] > 0
    embedded = stack.ask("/v1/embeddings", {"model": "minilm-l6", "input": ["a cat", "a dog"]})
    assert [len(d["embedding"]) for d in embedded["data"]] == [384, 384]
    text, finished, silence = stack.stream()
    assert finished == ["length"] and len(text) > 100
    print(f"chat, embeddings and a stream of {STREAM['max_tokens']} tokens; longest silence {silence * 1000:.0f} ms")

    if "voice" in stack.ready_services():
        speech = stack.bytes("/v1/audio/speech", {"model": "piper-joe", "input": "Every role has a container of its own.", "response_format": "wav"})
        assert speech.startswith(b"RIFF") and len(speech) > 40_000, speech[:100]
        print(f"speech: {len(speech)} bytes")

    if len(containers) > 1:
        killed = []
        thread = threading.Thread(target=kill_the_busy_one, args=(kill, containers, killed))
        again, finished, silence = stack.stream(thread.start)
        thread.join()
        assert killed, "nothing was killed"
        assert finished == ["length"], finished
        assert again == text, f"the stream noticed the kill:\n{text!r}\n{again!r}"
        print(f"kill -9 of {killed[0]} within a stream: the same text; longest silence {silence * 1000:.0f} ms")
        stack.wait_for(wanted, "after the kill")
        print("the killed container is back by itself")


if __name__ == "__main__":
    main()
