"""The same requests in every placement give the same bits: texts, log-probabilities, embeddings.

usage: placement_test.py [--requests 50]   (ZENITH_EXE names the executable)
"""
import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import subprocess
import sys

import placements

WORDS = ["river", "clock", "engine", "lantern", "harbour", "violin", "glacier", "market", "thunder", "garden"]


def requests(count):
    """Greedy and seeded chats and completions, some with several choices, and embeddings."""
    out = []
    for i in range(count):
        word = WORDS[i % len(WORDS)]
        common = {"max_tokens": 12 + i % 9, "model": "smollm2-135m"}
        if i % 5 == 4:
            out.append(("/v1/embeddings", {"model": "minilm-l6", "input": [f"the {word} number {i}, part {k}" for k in range(12)]}))
        elif i % 5 == 3:
            out.append(("/v1/completions", {**common, "prompt": f"Once upon a time a {word} said", "seed": i, "temperature": 0.9,
                                            "n": 2, "logprobs": 2}))
        else:
            sampling = {"temperature": 0} if i % 5 < 2 else {"temperature": 0.8, "top_p": 0.9, "seed": 1000 + i}
            out.append(("/v1/chat/completions", {**common, **sampling, "logprobs": True, "top_logprobs": 2,
                                                 "messages": [{"role": "user", "content": f"Write about a {word}, take {i}."}]}))
    return out


def essence(path, answer):
    """What must be equal: everything that was computed, nothing that tells time or ids."""
    if path == "/v1/embeddings":
        vectors = json.dumps([row["embedding"] for row in answer["data"]])
        return {"tensor": hashlib.sha256(vectors.encode()).hexdigest(), "usage": answer["usage"]}
    usage = {k: v for k, v in answer["usage"].items() if isinstance(v, int)}
    return {"choices": answer["choices"], "usage": usage}


def ask_all(placement, wanted):
    """Half of them one after the other, half at once."""
    def ask(one):
        status, answer, _ = placement.post(*one)
        assert status == 200, f"{one}: {status} {answer}\n{placement.log()}"
        return essence(one[0], answer)

    half = len(wanted) // 2
    answers = [ask(one) for one in wanted[:half]]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers += pool.map(ask, wanted[half:])
    return answers


def tcp_with_curve():
    """Four processes over TCP: keys are made as a user makes them."""
    ports = [placements.free_port() for _ in range(3)]
    config = f'[[service]]\nrole = "router"\nid = "router"\nendpoint = "tcp://127.0.0.1:{ports[0]}"\n'
    for i in (1, 2):
        config += f'[[service]]\nrole = "text"\nid = "text-{i}"\nendpoint = "tcp://127.0.0.1:{ports[i]}"\n{placements.MODELS}'
    config += '[[service]]\nrole = "gateway"\nid = "gateway"\n'
    order = [("text-1", "text", "--id", "text-1"), ("gateway", "gateway"), ("router", "router"), ("text-2", "text", "--id", "text-2")]
    placement = placements.Placement(config, order)
    for name in ("router", "text-1", "text-2", "gateway"):
        subprocess.run([placements.EXE, "keys", "--dir", placement.environment["ZENITH_CURVE_DIR"], "--name", name, "--allow"],
                       check=True, stdout=subprocess.DEVNULL)
    return placement


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=50)
    wanted = requests(parser.parse_args().requests)
    cases = {
        "one process": lambda: placements.Placement(),
        "three processes, ipc": lambda: placements.three_processes(environment={"ZENITH_LINKS_SHARED_BYTES": "0"}),
        "three processes, shared memory": lambda: placements.three_processes(environment={"ZENITH_LINKS_SHARED_BYTES": "1"}),
        "four processes, TCP with CURVE": tcp_with_curve,
    }
    first, failed = None, False
    for name, make in cases.items():
        with make() as placement:
            placement.wait_ready(4 if "four" in name else 2)
            answers = ask_all(placement, wanted)
            segments = list((placement.root / "run").glob("*.shm"))
            if bool(segments) != ("shared memory" in name):
                print(f"{name}: segments of shared memory: {segments}")
                failed = True
        bad = [n for n, code in placement.codes.items() if code != 0]
        if bad:
            print(f"{name}: {bad} did not exit with 0: {placement.codes}\n{placement.log()}")
            failed = True
        if first is None:
            first = answers
        differing = [i for i, (a, b) in enumerate(zip(first, answers)) if a != b]
        digest = hashlib.sha256(json.dumps(answers).encode()).hexdigest()[:16]
        print(f"{name}: {len(answers)} answers, {digest}, {len(differing)} differ from one process")
        for i in differing[:2]:
            print(f"  {wanted[i]}\n  {first[i]}\n  {answers[i]}")
        failed = failed or bool(differing)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    sys.exit(main())
