"""What must hold of a running stack of containers: against_stack.py URL KEY KILL_COMMAND SERVICE=NAME…

NAME… are containers by the service that they run, text more than once; `KILL_COMMAND NAME` ends one of them without a word. Only what
is named is asked for. Standard library only: this is run by scripts/compose-test.sh, on machines that have no .venv.
"""
import base64
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

READY_WITHIN_S = 300
VISION = pathlib.Path(__file__).resolve().parents[1] / "data" / "vision"
SIGN = "PLATFORM 9\nMind the gap between the doors"
SENTENCE = "The next train to the harbour leaves at noon from the other side of the river."
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

    def send(self, path, body, kind="application/json"):
        request = urllib.request.Request(self.url + path, body, {"Content-Type": kind, "Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.read()

    def speech(self):
        wav = self.send("/v1/audio/speech", json.dumps({"input": SENTENCE, "model": "tts-1", "response_format": "wav"}).encode())
        assert wav.startswith(b"RIFF") and len(wav) > 80_000, (len(wav), wav[:100])
        return wav

    def transcript(self, wav):
        """The words, lower case, without marks."""
        edge = "zenith-deploy-test"
        fields = [b'name="model"\r\n\r\nwhisper-1', b'name="language"\r\n\r\nen', b'name="file"; filename="a.wav"\r\n\r\n' + wav]
        body = b"".join(b"--" + edge.encode() + b"\r\nContent-Disposition: form-data; " + f + b"\r\n" for f in fields)
        answer = self.send("/v1/audio/transcriptions", body + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}")
        return "".join(c for c in json.loads(answer)["text"].lower() if c.isalnum() or c == " ").split()

    def sign(self):
        read = self.ask("/v1/vision/ocr", {"image": sign_url()})
        assert read["text"] == SIGN, read
        return read

    def frames(self, sensor, count):
        """The first frames of it from now on."""
        request = urllib.request.Request(f"{self.url}/v1/sensors/{sensor}/frames", headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            lines = (line for line in answer if line.startswith(b"data: "))
            return [json.loads(next(lines)[6:]) for _ in range(count)]

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


def sign_url():
    return "data:image/png;base64," + base64.b64encode((VISION / "sign.png").read_bytes()).decode()


def cpu_ticks(container):
    """What the container's processes have computed so far."""
    pid = subprocess.run(["docker", "inspect", "-f", "{{.State.Pid}}", container], capture_output=True, text=True, check=True).stdout.strip()
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def the_busy_one(containers):
    before = {c: cpu_ticks(c) for c in containers}
    time.sleep(0.4)
    return max(containers, key=lambda c: cpu_ticks(c) - before[c])


def kill_within_a_stream(stack, kill, choose, text):
    """Ends the container that `choose` names while a stream runs. @returns its name; the stream must not have noticed."""
    killed = []

    def end():
        name = choose()
        subprocess.run([*kill, name], check=True)
        killed.append(name)

    thread = threading.Thread(target=end)
    again, finished, silence = stack.stream(thread.start)
    thread.join()
    assert killed, "nothing was killed"
    assert finished == ["length"], finished
    assert again == text, f"the stream noticed the kill:\n{text!r}\n{again!r}"
    print(f"kill -9 of {killed[0]} within a stream: the same text; longest silence {silence * 1000:.0f} ms")


def check_media(stack, services):
    """Each service that is there, through the gateway, and chats that need two of them."""
    if "voice" in services:
        wav = stack.speech()
        print(f"speech: {len(wav)} bytes")
        if "ears" in services:
            heard, said = stack.transcript(wav), SENTENCE.lower().rstrip(".").split()
            share = sum(word in heard for word in said) / len(said)
            assert share >= 0.7, f"of {said} were heard {heard}"
            print(f"transcription: {' '.join(heard)!r}, {share:.0%} of the words")
    if "vision" in services:
        stack.sign()
        parts = [{"type": "text", "text": "What does the sign say?"}, {"type": "image_url", "image_url": {"url": sign_url()}}]
        answer = stack.ask("/v1/chat/completions", {"messages": [{"role": "user", "content": parts}], "max_tokens": 8})
        assert answer["zenith"]["modality_path"] == ["ocr"], answer
        print("OCR, and a chat with a picture")
    if "sensor" in services:
        first, second = stack.frames("host.memory", 2)
        assert second["seq"] == first["seq"] + 1 and first["values"][2] > 0, (first, second)
        parts = [{"type": "text", "text": "How busy is it?"}, {"type": "sensor", "sensor_id": "host.cpu", "window": "5s"}]
        answer = stack.ask("/v1/chat/completions", {"messages": [{"role": "user", "content": parts}], "max_tokens": 8})
        assert answer["usage"]["prompt_tokens"] > 40, answer["usage"]
        print("frames of a sensor, and a chat with its window")


def main():
    url, key, kill = sys.argv[1].rstrip("/"), sys.argv[2], sys.argv[3].split()
    services = {}
    for argument in sys.argv[4:]:
        service, name = argument.split("=", 1)
        services.setdefault(service, []).append(name)
    stack = Stack(url, key)
    wanted = {"router", *(s for s in services if s not in {"text", "sensor"})}
    for i in range(len(services["text"])):
        wanted |= {f"text{f'.{i + 1}' if i else ''}:{model}" for model in ("smollm2-135m", "minilm-l6")}
    wanted |= {"telemetry:host.cpu", "telemetry:host.memory"} if "sensor" in services else set()
    stack.wait_for(wanted, "the stack")
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
    check_media(stack, services)

    for service in ("vision", "voice"):
        if service in services:
            kill_within_a_stream(stack, kill, lambda only=services[service][0]: only, text)
    if len(services["text"]) > 1:
        kill_within_a_stream(stack, kill, lambda: the_busy_one(services["text"]), text)
    if len(services) > 1:
        stack.wait_for(wanted, "after the kills")
        check_media(stack, services)
        print("the killed containers are back by themselves")


if __name__ == "__main__":
    main()
