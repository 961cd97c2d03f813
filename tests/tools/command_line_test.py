"""Every verb of the executable as a script calls it: arguments, stdin, stdout, exit status, on the real default model."""
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest

import numpy

EXE = os.environ["ZENITH_EXE"]
SOURCE = pathlib.Path(os.environ["ZENITH_SOURCE_DIR"])
HOME = pathlib.Path(os.environ.get("ZENITH_HOME", pathlib.Path.home() / ".cache" / "zenith"))
GGUF = HOME / "models" / "smollm2-135m" / "SmolLM2-135M-Instruct.Q4_1.gguf"
VERBS = ["serve", "run", "speak", "pull", "models", "tokenize", "detokenize", "logits", "perplexity", "quantize", "bench", "keys", "doctor"]


def zenith(*arguments, stdin=b"", environment=None):
    env = {**os.environ, **(environment or {})}
    done = subprocess.run([EXE, *arguments], input=stdin, capture_output=True, env=env, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def vocabulary_only(path):
    """Copies the model's metadata, without a tensor."""
    data = GGUF.read_bytes()[:16 << 20]
    version, tensors, keys = struct.unpack_from("<IQQ", data, 4)
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    at = 24

    def skip(kind, at):
        if kind == 8:
            return at + 8 + struct.unpack_from("<Q", data, at)[0]
        if kind == 9:
            of, count = struct.unpack_from("<IQ", data, at)
            at += 12
            for _ in range(count):
                at = skip(of, at)
            return at
        return at + sizes[kind]

    for _ in range(keys):
        at += 8 + struct.unpack_from("<Q", data, at)[0]
        kind = struct.unpack_from("<I", data, at)[0]
        at = skip(kind, at + 4)
    assert tensors > 0
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", version, 0, keys) + data[24:at])


class Speak(unittest.TestCase):
    def test_a_text_becomes_a_wav_whose_length_is_right(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "out.wav"
            code, out, err = zenith("speak", "Hello world, this is a test.", "-o", str(path), "--json")
            self.assertEqual(code, 0, err)
            said, wav = json.loads(out), path.read_bytes()
            self.assertEqual(struct.unpack_from("<I", wav, 40)[0], len(wav) - 44)
            self.assertAlmostEqual((len(wav) - 44) / 2 / 22050, said["audio_s"], places=3)
            samples = numpy.frombuffer(wav[44:], "<i2").astype(float)
            self.assertGreater(numpy.sqrt(numpy.mean(samples**2)), 500, "it is silent")

    def test_what_cannot_be_spoken_leaves_no_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "out.wav"
            code, _, err = zenith("speak", "...", "-o", str(path))
            self.assertEqual(code, 2)
            self.assertIn("nothing to say", err)
            self.assertFalse(path.exists())


class Usage(unittest.TestCase):
    def test_every_verb_has_help_with_an_example(self):
        code, out, _ = zenith("--help")
        self.assertEqual(code, 0)
        for verb in VERBS:
            with self.subTest(verb):
                self.assertIn(f"\n  {verb} ".encode(), out)
                code, text, _ = zenith(verb, "--help")
                self.assertEqual(code, 0)
                self.assertIn(b"Example:\n", text)
                self.assertIn(f"zenith {verb}".encode(), text)
                self.assertIn(b"--json", text)

    def test_version(self):
        self.assertEqual(zenith("--version")[1].decode().strip(), (SOURCE / "VERSION").read_text().strip())

    def test_wrong_usage_is_2(self):
        for arguments in [[], ["nothing"], ["run"], ["models", "--nothing"], ["logits", "smollm2-135m"], ["bench"],
                          ["logits", "smollm2-135m", "--ids", "1,x"], ["logits", "smollm2-135m", "--ids", "1", "--numerics", "loose"],
                          ["logits", "smollm2-135m", "--ids", "1", "--all"], ["run", "smollm2-135m", "x", "--max-tokens", "0"],
                          ["serve", "--listen", "nowhere"], ["serve", "everything"]]:
            with self.subTest(arguments):
                code, out, err = zenith(*arguments)
                self.assertEqual(code, 2, err)
                self.assertEqual(out, b"")
                self.assertNotEqual(err, "")

    def test_a_failure_is_1_and_json_says_it_too(self):
        code, out, err = zenith("logits", "no-such-model", "--ids", "1", "--json")
        self.assertEqual(code, 1)
        self.assertEqual(json.loads(out)["error"]["code"], "not_found")
        self.assertIn("no-such-model", err)

    def test_a_closed_stdout_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([EXE, "models"], stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"stdout cannot be written", done.stderr)

    def test_pipes_see_no_progress(self):
        _, _, err = zenith("perplexity", "smollm2-135m", str(SOURCE / "LICENSE"), "--json")
        self.assertEqual(err, "")


class Serve(unittest.TestCase):
    def test_print_config_shows_what_would_run_and_reads_back(self):
        code, out, err = zenith("serve", "--print-config", "--listen", "127.0.0.1:1234", environment={"ZENITH_LOG_LEVEL": "warn"})
        self.assertEqual(code, 0, err)
        text = out.decode()
        for line in ['listen = "127.0.0.1:1234"', 'level = "warn"', 'model = ["smollm2-135m", "minilm-l6"]', 'role = "gateway"']:
            self.assertIn(line, text)
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            self.assertEqual(zenith("serve", "--config", file.name, "--print-config")[1].decode(), text)

    def test_roles(self):
        code, _, err = zenith("serve", "expert")
        self.assertEqual(code, 1)
        self.assertIn("does not have that role yet", err)
        code, _, err = zenith("serve", "cook")
        self.assertEqual(code, 2)
        self.assertIn("must be one of gateway, router, text", err)
        code, _, err = zenith("serve", "text", "--id", "nobody")
        self.assertEqual(code, 1)
        self.assertIn("has that id; there are: text-1", err)
        self.assertEqual(zenith("serve", "gateway", "router", "text", "--print-config")[0], 0)

    def test_a_wrong_key_names_file_line_and_the_nearest_key(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write("[server]\nlistn = \"127.0.0.1:1\"\n")
            file.flush()
            code, _, err = zenith("serve", "--config", file.name)
        self.assertEqual(code, 2)
        self.assertIn(f"{file.name}:2: server.listn is no known key; the nearest is server.listen", err)

    def test_offline_without_the_model(self):
        with tempfile.TemporaryDirectory() as home:
            code, _, err = zenith("serve", "--offline", environment={"ZENITH_HOME": home})
        self.assertEqual(code, 1)
        self.assertIn("zenith pull smollm2-135m", err)


class Models(unittest.TestCase):
    def test_json_lists_known_models_with_licence_and_size(self):
        models = {m["name"]: m for m in json.loads(zenith("models", "--json")[1])["models"]}
        self.assertTrue(models["smollm2-135m"]["installed"], "run `zenith pull smollm2-135m`")
        self.assertEqual(models["smollm2-135m"]["license"], "Apache-2.0")
        self.assertEqual(models["gemma3-270m"]["license"], "Gemma Terms of Use")
        self.assertFalse(models["gemma3-270m"]["default"])
        self.assertEqual(models["minilm-l6"]["kind"], "embeddings")

    def test_a_model_put_there_by_hand_is_found_by_its_folder(self):
        with tempfile.TemporaryDirectory() as home:
            folder = pathlib.Path(home) / "models" / "mine"
            folder.mkdir(parents=True)
            (folder / "x.gguf").symlink_to(GGUF)
            env = {"ZENITH_HOME": home}
            self.assertIn("mine", [m["name"] for m in json.loads(zenith("models", "--json", environment=env)[1])["models"]])
            code, out, err = zenith("tokenize", "mine", stdin=b"Hello", environment=env)
            self.assertEqual((code, out), (0, b"[19556]\n"), err)


class Tokens(unittest.TestCase):
    def test_any_bytes_come_back(self):
        for text in [b"Hello world", b"", b" \n\t  x", "Zażółć 👩‍👩‍👧 日本語".encode(), b"a\x00b", b"<|im_end|>", b"\x80 half \xe2\x82"]:
            with self.subTest(text):
                code, ids, err = zenith("tokenize", "smollm2-135m", stdin=text)
                self.assertEqual(code, 0, err)
                code, back, err = zenith("detokenize", "smollm2-135m", stdin=ids)
                self.assertEqual((code, back), (0, text), err)

    def test_special_tokens_only_when_asked(self):
        plain = json.loads(zenith("tokenize", "smollm2-135m", stdin=b"<|im_end|>")[1])
        special = json.loads(zenith("tokenize", "smollm2-135m", "--special", stdin=b"<|im_end|>")[1])
        self.assertGreater(len(plain), 1)
        self.assertEqual(special, [2])

    def test_a_file_with_a_vocabulary_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "vocabulary.gguf"
            vocabulary_only(path)
            code, out, err = zenith("tokenize", str(path), "--json", stdin=b"Hello world")
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out), {"tokens": [19556, 905]})

    def test_the_embedding_model_has_a_tokenizer_too(self):
        code, out, err = zenith("tokenize", "minilm-l6", "--bos", stdin=b"hello world")
        self.assertEqual((code, json.loads(out)), (0, [101, 7592, 2088, 102]), err)

    def test_ids_that_are_none(self):
        for text, says in [(b"[99999999]", "not in the vocabulary"), (b"[-1]", "not in the vocabulary"), (b"[1.5]", "JSON array"),
                           (b"x", "JSON array"), (b"", "JSON array")]:
            with self.subTest(text):
                code, _, err = zenith("detokenize", "smollm2-135m", stdin=text)
                self.assertEqual(code, 2)
                self.assertIn(says, err)


class Measures(unittest.TestCase):
    def test_logits_as_json_and_as_an_array(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "all.npy"
            code, _, err = zenith("logits", "smollm2-135m", "--ids", "19556,905", "--all", "-o", str(path))
            self.assertEqual(code, 0, err)
            rows = numpy.load(path)
        self.assertEqual((rows.shape, rows.dtype), ((2, 49152), numpy.float32))
        last = json.loads(zenith("logits", "smollm2-135m", "--ids", "19556,905", "--json")[1])["logits"]
        self.assertEqual(numpy.float32(last).tolist(), rows[1].tolist())

    def test_a_token_that_is_none(self):
        code, _, err = zenith("logits", "smollm2-135m", "--ids", "49152")
        self.assertEqual(code, 2)
        self.assertIn("49152", err)

    def test_perplexity(self):
        result = json.loads(zenith("perplexity", "smollm2-135m", str(SOURCE / "LICENSE"), "--json")[1])
        self.assertGreater(result["windows"], 0)
        self.assertTrue(1 < result["perplexity"] < 30, result)

    def test_divergence_from_a_base_agrees_with_numpy(self):
        text = (SOURCE / "LICENSE").read_bytes()[:2600]
        with tempfile.TemporaryDirectory() as folder:
            file, exact, fast = (pathlib.Path(folder) / name for name in ["text", "exact.npy", "fast.npy"])
            file.write_bytes(text)
            perplexity = ["perplexity", "smollm2-135m", str(file), "--json"]
            ids = json.loads(zenith("tokenize", "smollm2-135m", stdin=text)[1])
            self.assertTrue(512 <= len(ids) < 1024, len(ids))
            base = json.loads(zenith(*perplexity, "--numerics", "exact", "--save-logits", str(exact))[1])
            code, out, err = zenith(*perplexity, "--kl", str(exact), "--save-logits", str(fast))
            self.assertEqual(code, 0, err)
            result = json.loads(out)
            # The file is what `logits --all` gives for the window's second half.
            whole = pathlib.Path(folder) / "all.npy"
            zenith("logits", "smollm2-135m", "--ids", ",".join(map(str, ids[:512])), "--all", "-o", str(whole))
            self.assertTrue(numpy.array_equal(numpy.load(whole)[255:511], numpy.load(fast)))

            def log_softmax(path):
                rows = numpy.load(path).astype(numpy.float64)
                rows -= rows.max(axis=1, keepdims=True)
                return rows - numpy.log(numpy.exp(rows).sum(axis=1, keepdims=True))

            p, q = log_softmax(exact), log_softmax(fast)
            kl = (numpy.exp(p) * (p - q)).sum(axis=1)
            for key, want in {"kl_mean": kl.mean(), "kl_p99": numpy.percentile(kl, 99), "kl_max": kl.max(),
                              "top1_agreement": (p.argmax(1) == q.argmax(1)).mean(), "base_perplexity": base["perplexity"]}.items():
                self.assertAlmostEqual(result[key], want, delta=1e-9 + 1e-6 * abs(want), msg=key)
            self.assertTrue(0 < result["kl_mean"] < 0.01, result)
            self.assertGreater(result["top1_agreement"], 0.9)

            # Log-probabilities do as well, and a base of itself is no distance away.
            numpy.save(exact, q.astype(numpy.float32))
            same = json.loads(zenith(*perplexity, "--kl", str(exact))[1])
            self.assertLess(same["kl_max"], 1e-5)
            self.assertEqual(same["top1_agreement"], 1)

            for name, array, says in [("another text", numpy.zeros((12, 49152), "<f4"), "[12, 49152], this text and model need [256, 49152]"),
                                      ("float64", numpy.zeros((256, 8)), "astype('<f4')"),
                                      ("one dimension", numpy.zeros(256, "<f4"), "two dimensions"),
                                      ("NaN", numpy.full((256, 49152), numpy.nan, "<f4"), "row 0 of the base is no distribution")]:
                with self.subTest(name):
                    numpy.save(exact, array)
                    code, _, err = zenith(*perplexity, "--kl", str(exact))
                    self.assertEqual(code, 1, err)
                    self.assertIn(says, err)
            exact.write_bytes(fast.read_bytes()[:-100])
            self.assertIn("does not agree with its size", zenith(*perplexity, "--kl", str(exact))[2])
            self.assertIn("cannot be read", zenith(*perplexity, "--kl", str(exact) + ".none")[2])

    def test_logits_to_a_full_disk(self):
        code, _, err = zenith("logits", "smollm2-135m", "--ids", "1,2", "--all", "-o", "/dev/full")
        self.assertEqual(code, 1)
        self.assertIn("/dev/full cannot be written: No space left on device", err)
        self.assertTrue(pathlib.Path("/dev/full").exists())

    def test_perplexity_of_too_short_a_text(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"short")
            file.flush()
            code, _, err = zenith("perplexity", "smollm2-135m", file.name)
        self.assertEqual(code, 2)
        self.assertIn("512", err)

    def test_bench_text(self):
        code, out, err = zenith("bench", "text", "smollm2-135m", "--prompt", "32", "--gen", "4", "--depth", "16", "--batch", "2",
                                "--repetitions", "1", "--json")
        self.assertEqual(code, 0, err)
        result = json.loads(out)
        for key in ["prefill_tokens_per_s", "decode_tokens_per_s", "ttft_ms", "peak_rss_bytes"]:
            self.assertGreater(result[key], 0, key)
        self.assertTrue(0 <= result["busy"] <= 1)
        self.assertTrue(result["kernels"])

    def test_bench_text_that_repeats(self):
        code, out, err = zenith("bench", "text", "smollm2-135m", "--repeat", "--gen", "48", "--repetitions", "1", "--json")
        self.assertEqual(code, 0, err)
        result = json.loads(out)
        self.assertTrue(result["identical"])
        self.assertGreater(result["accepted"], 24)
        self.assertLess(result["passes"], 24, "drafts must save passes")
        self.assertGreater(result["plain_tokens_per_s"], 0)
        self.assertAlmostEqual(result["ratio"], result["drafted_tokens_per_s"] / result["plain_tokens_per_s"])
        self.assertEqual(zenith("bench", "text", "smollm2-135m", "--repeat", "--gen", "1")[0], 2)

    def test_bench_wire(self):
        for transport, size in [("inproc", "1048576"), ("ipc", "4096"), ("shm", "65536"), ("tcp", "4096")]:
            with self.subTest(transport):
                code, out, err = zenith("bench", "wire", "--transport", transport, "--bytes", size, "--iterations", "200", "--json")
                self.assertEqual(code, 0, err)
                result = json.loads(out)
                for key in ["p50_us", "p99_us", "raw_p50_us", "raw_p99_us"]:
                    self.assertGreater(result[key], 0, key)
                self.assertGreaterEqual(result["samples"], 200)

    def test_keys(self):
        with tempfile.TemporaryDirectory() as home:
            code, out, err = zenith("keys", "--name", "text-1", "--allow", "--json", environment={"ZENITH_HOME": home})
            self.assertEqual(code, 0, err)
            made = json.loads(out)
            secret = pathlib.Path(made["secret_file"])
            self.assertEqual(secret.stat().st_mode & 0o777, 0o600)
            self.assertEqual((pathlib.Path(made["allow"]) / "text-1.public").read_text().strip(), made["public_key"])
            before = secret.read_text()
            code, _, err = zenith("keys", "--name", "text-1", environment={"ZENITH_HOME": home})
            self.assertEqual(code, 2)
            self.assertIn("--force", err)
            self.assertEqual(secret.read_text(), before)

    def test_doctor(self):
        code, out, err = zenith("doctor", "--kernels", "--json")
        result = json.loads(out)
        self.assertEqual(code, 0, err)
        self.assertTrue(result["ok"])
        self.assertTrue(any(row["op"] for row in result["kernels"]))

    def test_doctor_names_what_is_missing_and_the_command(self):
        with tempfile.TemporaryDirectory() as home:
            code, out, err = zenith("doctor", environment={"ZENITH_HOME": home})
        self.assertEqual(code, 1)
        self.assertIn(b"zenith pull smollm2-135m", out)
        self.assertIn("model smollm2-135m", err)


class Run(unittest.TestCase):
    def test_one_prompt(self):
        arguments = ["run", "smollm2-135m", "What is the capital of France?", "--max-tokens", "8", "--temperature", "0"]
        code, out, err = zenith(*arguments)
        self.assertEqual(code, 0, err)
        self.assertIn(b"Paris", out)
        result = json.loads(zenith(*arguments, "--json")[1])
        self.assertEqual(result["text"], out.decode().rstrip("\n"))
        self.assertLessEqual(result["usage"]["completion_tokens"], 8)

    def test_a_chat_remembers_earlier_lines(self):
        arguments = ["run", "smollm2-135m", "--max-tokens", "12", "--temperature", "0"]
        code, out, err = zenith(*arguments, stdin=b"Cats are my favourite animals.\n\nWhich animals do I like?\n")
        self.assertEqual(code, 0, err)
        alone = zenith(*arguments, stdin=b"Which animals do I like?\n")[1]
        self.assertNotEqual(out.splitlines()[-1], alone.splitlines()[-1])
        self.assertIn(b"cat", out.splitlines()[-1].lower())

    def test_the_seed_repeats_an_answer(self):
        arguments = ["run", "smollm2-135m", "Tell me a story.", "--max-tokens", "12", "--seed", "7"]
        self.assertEqual(zenith(*arguments)[1], zenith(*arguments)[1])

    def test_an_embedding_model_is_refused(self):
        code, _, err = zenith("run", "minilm-l6", "Hello")
        self.assertEqual(code, 2, err)
        self.assertIn("minilm-l6", err)


if __name__ == "__main__":
    unittest.main()
