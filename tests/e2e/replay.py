"""Sends a recorded session (zenith serve --record FILE) to a server again and compares what comes back.

usage: replay.py FILE --base-url http://127.0.0.1:8080 [--parallel 8] [--json]
Every generation that ended well is sent with its recorded seed, in the order of admission, and its texts, finish reasons and token counts
must be equal; so must the replies to tokenize, detokenize, apply-template and embeddings. Requests that failed or were cancelled when they
were recorded are counted, not sent, and so are generations that had pictures, speech or windows of sensors: a recording has none of them. A last line that was cut off is left out. Exits 1 when an answer differs.
"""
import argparse
import concurrent.futures
import json
import pathlib
import struct
import sys

import httpx


def read_recording(path):
    """@returns the requests by order of admission, each with its events."""
    lines = pathlib.Path(path).read_text(encoding="utf-8").split("\n")
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            if line:
                rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number < len(lines):
                raise SystemExit(f"{path}:{number}: {error}") from None
    if not rows or rows[0].get("zenith_recording") != 1:
        raise SystemExit(f"{path} is no recording of version 1")
    requests = {row["id"]: {**row, "events": []} for row in rows if "request" in row}
    for row in rows:
        if "event" in row and row["id"] in requests:
            requests[row["id"]]["events"].append(row)
    return sorted(requests.values(), key=lambda request: request["order"])


def as_f32(vectors):
    """One float has several decimal spellings."""
    return [struct.pack(f"<{len(vector)}f", *vector).hex() for vector in vectors]


def outcome(request):
    """What a client got: (text, finish reason) of each choice and the tokens' count; a reply; None when it did not end well."""
    events = request["events"]
    if any(event["event"] in ("error", "cancel") for event in events) or not events:
        return None
    if events[-1]["event"] == "reply":
        reply = {key: events[-1][key] for key in ("tokens", "text", "prompt_tokens") if key in events[-1]}
        return {**reply, "vectors": as_f32(events[-1]["vectors"])} if "vectors" in events[-1] else reply
    if events[-1]["event"] != "finished":
        return None
    texts, reasons = [""] * request["choices"], [None] * request["choices"]
    for event in events:
        if event["event"] == "delta":
            texts[event["choice"]] += event["content"]
        if event["event"] == "choice_end":
            reasons[event["choice"]] = event["reason"]
    usage = events[-1]["usage"]
    return {"choices": list(map(list, zip(texts, reasons))), "prompt_tokens": usage["prompt_tokens"],
            "completion_tokens": usage["completion_tokens"]}


def messages_of(chat):
    messages = []
    for message in chat["messages"]:
        parts = message["text_parts"]
        content = parts[0] if len(parts) == 1 else [{"type": "text", "text": part} for part in parts]
        messages.append({**{key: message[key] for key in ("role", "name", "reasoning_content") if key in message}, "content": content})
    return messages


def generation_body(request):
    sampling = dict(request["sampling"])
    seed = sampling.pop("seed")
    body = {"model": request["model"], "n": request["choices"], "seed": seed - (1 << 64) if seed >= 1 << 63 else seed, **sampling}
    body["logit_bias"] = {str(token): bias for token, bias in sampling["logit_bias"]}
    if request["stop"]:
        body["stop"] = request["stop"]
    if "max_tokens" in request:
        body["max_tokens"] = request["max_tokens"]
    if "chat" in request:
        chat = request["chat"]
        body["messages"] = messages_of(chat)
        if "template_kwargs" in chat:
            body["chat_template_kwargs"] = chat["template_kwargs"]
        if "reasoning_effort" in chat:
            body["reasoning_effort"] = chat["reasoning_effort"]
        return "/v1/chat/completions", body
    body["prompt"] = request["prompt"]
    body["echo"] = request["echo"]
    return "/v1/completions", body


def send(client, request):
    """@returns the same shape as outcome()."""
    kind = request["request"]
    if kind == "generate":
        path, body = generation_body(request)
        answer = client.post(path, json=body).raise_for_status().json()
        choices = sorted(answer["choices"], key=lambda choice: choice["index"])
        texts = [choice["message"]["content"] if "message" in choice else choice["text"] for choice in choices]
        return {"choices": [[text, choice["finish_reason"]] for text, choice in zip(texts, choices)],
                "prompt_tokens": answer["usage"]["prompt_tokens"], "completion_tokens": answer["usage"]["completion_tokens"]}
    if kind == "embed":
        answer = client.post("/v1/embeddings", json={"model": request["model"], "input": request["inputs"]}).raise_for_status().json()
        return {"vectors": as_f32(row["embedding"] for row in answer["data"]), "prompt_tokens": answer["usage"]["prompt_tokens"]}
    if kind == "tokenize":
        body = {key: request[key] for key in ("model", "content", "add_special", "parse_special")}
        return {"tokens": client.post("/tokenize", json=body).raise_for_status().json()["tokens"]}
    if kind == "detokenize":
        body = {key: request[key] for key in ("model", "tokens")}
        return {"text": client.post("/detokenize", json=body).raise_for_status().json()["content"]}
    body = {"model": request["model"], "messages": messages_of(request["chat"]), "add_generation_prompt": request["add_generation_prompt"]}
    return {"text": client.post("/apply-template", json=body).raise_for_status().json()["prompt"]}


def replay(path, base_url, parallel):
    requests = read_recording(path)
    whole = [request for request in requests if "staged_parts" not in request]
    sent = [(request, outcome(request)) for request in whole]
    sent = [(request, want) for request, want in sent if want is not None]
    with httpx.Client(base_url=base_url, timeout=300) as client, concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        answers = list(pool.map(lambda pair: send(client, pair[0]), sent))
    different = [{"order": request["order"], "want": want, "got": got} for (request, want), got in zip(sent, answers) if want != got]
    return {"recorded": len(requests), "media": len(requests) - len(whole), "sent": len(sent), "equal": len(sent) - len(different), "different": different}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--base-url", default="http://127.0.0.1:8080")
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = replay(options.file, options.base_url, options.parallel)
    if options.json:
        print(json.dumps(result))
    else:
        for row in result["different"]:
            print(f"request {row['order']}:\n  recorded {row['want']}\n  replayed {row['got']}", file=sys.stderr)
        print(f"{result['equal']} of {result['sent']} answers are equal; {result['media']} had parts that are not written down, "
              f"{result['recorded'] - result['media'] - result['sent']} had not ended well")
    return 1 if result["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
