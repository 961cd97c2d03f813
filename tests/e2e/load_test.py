"""64 streaming clients, half of them killed in the middle, against a running server.

usage: load_test.py --base-url http://127.0.0.1:8080 [--clients 64] [--pid PID]
What must hold: every answer that was not killed is byte-equal to the same request made alone; afterwards no sequence runs, no page of
the key-value memory is held, and (with --pid) the process's memory is back where it was. Prints `N passed, N failed`.
"""
import argparse
import asyncio
import json
import socket
import struct
import sys
import time
import urllib.parse
import urllib.request

PROMPTS = [
    "Count from one to twenty in words.", "Name the planets in order.", "Write a limerick about rain.", "What is a prime number?",
    "Describe the colour blue.", "List three uses of salt.", "Tell me about the sea.", "Explain why leaves are green.",
]


def body(prompt):
    return json.dumps({"messages": [{"role": "user", "content": prompt}], "max_tokens": 48, "temperature": 0, "stream": True}).encode()


async def stream(host, port, prompt, kill_after=None):
    """@returns (text, finish_reason), or None when killed after `kill_after` deltas by a reset of the connection."""
    reader, writer = await asyncio.open_connection(host, port)
    data = body(prompt)
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                 b"Connection: close\r\n\r\n" % (host.encode(), port, len(data)) + data)
    await writer.drain()
    text, finish, deltas = "", None, 0
    try:
        while line := await asyncio.wait_for(reader.readline(), 300):
            if not line.startswith(b"data: ") or line.strip() == b"data: [DONE]":
                if line.startswith(b"HTTP/1.1") and b" 200 " not in line:
                    raise RuntimeError(f"status line {line!r}")
                continue
            chunk = json.loads(line[6:])
            if "error" in chunk:
                raise RuntimeError(chunk["error"]["message"])
            for choice in chunk["choices"]:
                piece = choice["delta"].get("content") or ""
                text += piece
                deltas += bool(piece)
                finish = choice.get("finish_reason") or finish
            if kill_after is not None and deltas >= kill_after:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return None
    finally:
        writer.transport.abort() if kill_after is not None else writer.close()
    return text, finish


def gauges(base, *names):
    values = dict.fromkeys(names, 0.0)
    with urllib.request.urlopen(base + "/metrics", timeout=10) as response:
        for line in response.read().decode().splitlines():
            name = line.split("{")[0].split(" ")[0]
            if name in values and not line.startswith("#"):
                values[name] += float(line.rsplit(" ", 1)[1])
    return values


def rss_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


async def crowd(host, port, clients):
    jobs = [stream(host, port, PROMPTS[i % len(PROMPTS)], kill_after=3 + i % 5 if (i // len(PROMPTS)) % 2 else None) for i in range(clients)]
    return await asyncio.gather(*jobs, return_exceptions=True)


async def settled(base, seconds=5.0):
    until = time.monotonic() + seconds
    while True:
        now = gauges(base, "zenith_running_sequences", "zenith_queue_depth", "zenith_kv_pages_used")
        if not any(now.values()) or time.monotonic() > until:
            return now
        await asyncio.sleep(0.1)


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--pid", type=int)
    options = parser.parse_args()
    url = urllib.parse.urlsplit(options.base_url)
    results = []

    def check(name, ok, detail=""):
        results.append(ok)
        print(f"{'ok  ' if ok else 'FAIL'} {name}{': ' + str(detail) if detail and not ok else ''}", flush=True)

    alone = [await stream(url.hostname, url.port, prompt) for prompt in PROMPTS]
    memory = []
    for turn in (1, 2, 3, 4):
        started = time.monotonic()
        got = await crowd(url.hostname, url.port, options.clients)
        errors = [repr(g) for g in got if isinstance(g, BaseException)]
        kept = [(i, g) for i, g in enumerate(got) if isinstance(g, tuple)]
        wrong = [i for i, g in kept if g != alone[i % len(PROMPTS)]]
        check(f"round {turn}: no client saw an error", not errors, errors[:3])
        check(f"round {turn}: {len(kept)} undisturbed answers are equal to the ones made alone", kept and not wrong, wrong)
        left = await settled(options.base_url)
        check(f"round {turn}: nothing runs, waits or holds pages afterwards", not any(left.values()), left)
        if options.pid:
            memory.append(rss_bytes(options.pid))
        print(f"     round {turn} took {time.monotonic() - started:.1f} s", flush=True)
    if options.pid:
        grown = memory[-1] - memory[1]   # pages of keys and values that the most clients at once have touched stay with the process
        check("memory is back after the fourth round where it was after the second (± 16 MiB)", grown < 16 << 20, f"{grown} bytes more")
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
