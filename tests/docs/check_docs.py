"""What the documents name must exist: paths, `zenith` verbs and flags, make targets, configuration keys, variables, the tests of
docs/faults.md; and every golden is named by a test, every test of a fault by docs/faults.md.

usage: check_docs.py   Reads ZENITH_EXE and ZENITH_SOURCE_DIR. Prints one line a fault; exits 1 when there is one.
"""
import functools
import os
import pathlib
import re
import subprocess
import sys
import tempfile

DOCUMENTS = ["*.md", "docs/**/*.md", "*/README.md", "*/*/README.md", "*/*/*/README.md"]
SKIPPED = {"build", ".venv", ".venv-parity", ".cache", "shared"}
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"^\.?[A-Za-z0-9_][\w.\-]*(/[\w.*<>\-{},…]+)+/?$")
VARIABLE = re.compile(r"\bZENITH_[A-Z0-9_]+\b")
SECTIONS = ("server", "models", "service", "lanes", "log", "sensors")
KEY = re.compile(r"^(?:%s)\.(?!hpp$|cpp$|py$|md$|js$)[a-z_]+$" % "|".join(SECTIONS))
# Made by a build, a setup or a user: named in documents, not in the tree.
MADE = ("build/", "~/", "$", "/", "http", ".venv", "models/", "plugins/")


class Documents:
    def __init__(self, root, exe):
        self.root, self.exe = root, exe
        self.faults, self.checked = [], 0
        self.targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (root / "Makefile").read_text(), re.MULTILINE))
        printed = self.run("serve", "--print-config")[1]
        self.keys = set()
        for section, body in re.findall(r"^\[+(\w+)\]+\n(.*?)(?=^\[|\Z)", printed, re.MULTILINE | re.DOTALL):
            self.keys |= {f"{section}.{key}" for key in re.findall(r"^(\w+) =", body, re.MULTILINE)}
        if not self.keys:
            self.faults.append("zenith serve --print-config printed no keys")

    @functools.lru_cache(maxsize=None)
    def run(self, *arguments):
        done = subprocess.run([self.exe, *arguments], capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def documents(self):
        found = {p for pattern in DOCUMENTS for p in self.root.glob(pattern)}
        return sorted(p for p in found if p.relative_to(self.root).parts[0] not in SKIPPED)

    def fault(self, document, what):
        self.faults.append(f"{document.relative_to(self.root)}: {what}")

    def check(self, document):
        text = document.read_text()
        prose = FENCE.sub("", text)
        for span in SPAN.findall(prose):
            self.check_span(document, span.strip())
        for link in LINK.findall(prose):
            if "://" not in link and not link.startswith(("#", "mailto:")):
                self.checked += 1
                if not (document.parent / link.split("#")[0]).exists():
                    self.fault(document, f"link to {link}, which does not exist")
        for language, body in FENCE.findall(text):
            if language == "toml":
                self.check_toml(document, body)
            for line in body.splitlines():
                self.check_command(document, line.split("#")[0].strip().removeprefix("$ "))
        for name in VARIABLE.findall(text):
            self.check_variable(document, name)

    def check_span(self, document, span):
        if PATH.match(span) and not span.startswith(MADE) and not any(c in span for c in "<>…{"):
            self.check_path(document, span)
        elif KEY.match(span):
            self.checked += 1
            if span not in self.keys:
                self.fault(document, f"configuration key {span}, which does not exist")
        else:
            self.check_command(document, span)

    def check_path(self, document, span):
        top = span.split("/")[0]
        if not (self.root / top).exists() and not (document.parent / top).exists():
            return   # not one of ours: a media type, a model's name, a route
        self.checked += 1
        if not any(any(base.glob(span.rstrip("/"))) for base in (self.root, document.parent)):
            self.fault(document, f"path {span}, which does not exist")

    def check_command(self, document, line):
        words = line.split()
        if not words:
            return
        if words[0] == "make":
            for target in words[1:]:
                if re.match(r"^[a-z][a-z0-9-]*$", target):
                    self.checked += 1
                    if target not in self.targets:
                        self.fault(document, f"make {target}, which is no target")
                elif target in ("|", "make"):
                    continue
                else:
                    break
        elif words[0] == "zenith" or words[0].endswith("/bin/zenith"):
            self.check_zenith(document, line, words[1:])

    def check_zenith(self, document, line, words):
        for verb in (words[0].split("|") if words else []):
            if verb.startswith("-") or not re.match(r"^[a-z]+$", verb):
                continue
            self.checked += 1
            code, usage = self.run(verb, "--help")
            if verb == "bench" and "text" in words:
                usage += self.run("bench", "text", "--help")[1]
            if code != 0:
                self.fault(document, f"`{line}`: zenith has no verb {verb}")
                continue
            for flag in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", " ".join(words[1:])):
                if not re.search(re.escape(flag) + r"(?![\w-])", usage):
                    self.fault(document, f"`{line}`: zenith {verb} has no flag {flag}")

    def check_toml(self, document, body):
        self.checked += 1
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(body)
            file.flush()
            done = subprocess.run([self.exe, "serve", "--config", file.name, "--print-config"], capture_output=True, text=True,
                                  timeout=60, check=False)
        # A keys file is TOML of its own kind.
        if done.returncode != 0 and "[[key]]" not in body:
            self.fault(document, f"its configuration is refused: {done.stderr.strip()}")

    def check_variable(self, document, name):
        self.checked += 1
        if f"{name.removeprefix('ZENITH_').lower().replace('_', '.', 1)}" in self.keys or name in ("ZENITH_SECTION_KEY",):
            return
        if name not in self.variables():
            self.fault(document, f"variable {name}, which nothing reads")

    @functools.lru_cache(maxsize=None)
    def variables(self):
        names = set()
        for path in self.root.rglob("*"):
            if path.relative_to(self.root).parts[0] in SKIPPED | {".git"} or not path.is_file():
                continue
            if path.suffix in {".cpp", ".hpp", ".h", ".py", ".sh", ".cmake", ".js"} or path.name in {"CMakeLists.txt", "Makefile"}:
                names |= set(VARIABLE.findall(path.read_text(errors="replace")))
        return names


def is_named(name, text):
    """Whether a reader's text holds the file's name, or its pieces: "tiny-" + case + ".json", the case being quoted somewhere too."""
    def has(pattern):
        return re.search(pattern, text) is not None

    if has(rf'["/]{re.escape(name)}["?#]'):
        return True
    cuts = sorted({k for m in re.finditer(r"[-_.]", name) for k in (m.start(), m.end())})
    for i in [0, *cuts]:
        if i > 0 and not has(rf'["/]{re.escape(name[:i])}"'):
            continue
        for j in cuts:
            if j > i and has(rf'"{re.escape(name[i:j])}"') and has(rf'"{re.escape(name[j:])}"'):
                return True
        if i > 0 and has(rf'"{re.escape(name[i:])}"'):
            return True
    return False


def unread_goldens(root):
    """Files of tests/data that no test names. What makes goldens does not count; an index that a test reads does."""
    patterns = ("tests/**/*.cpp", "tests/**/*.hpp", "tests/**/*.py", "tests/**/CMakeLists.txt")
    readers = [p for pattern in patterns for p in root.glob(pattern) if p.parent.name != "parity" or p.suffix != ".py"]
    text = "\n".join(p.read_text(errors="replace") for p in readers)
    data = root / "tests" / "data"
    files = sorted(p for p in data.rglob("*") if p.is_file() and p.suffix != ".md")
    text += "\n".join(p.read_text() for p in files if p.suffix == ".json" and p.stat().st_size < 1 << 20 and is_named(p.name, text))
    for path in files:
        if not is_named(path.name, text):
            yield f"{path.relative_to(root)}: no test names this golden"


def test_names(root):
    """Names of C++ tests as suite.name, of Python ones as their function."""
    names = set()
    for path in (root / "tests").rglob("*.cpp"):
        text = path.read_text(errors="replace")
        names |= {f"{suite}.{name}" for suite, name in re.findall(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", text, re.MULTILINE)}
    for path in (root / "tests").rglob("*_test.py"):
        names |= set(re.findall(r"^\s*def (test_\w+)\(", path.read_text(), re.MULTILINE))
    return names


def wrong_faults(root):
    """Tests that docs/faults.md names and that are not there, and tests of a fault that it does not name."""
    document = root / "docs" / "faults.md"
    rows = [line for line in document.read_text().splitlines() if re.match(r"^\| \d+ \|", line)]
    known, named = test_names(root), set()
    for row in rows:
        number, tests = int(row.split("|")[1]), SPAN.findall(row.split("|")[4])
        named |= set(tests)
        if not tests:
            yield f"docs/faults.md: fault {number} names no test"
        for name in tests:
            if name not in known:
                yield f"docs/faults.md: test {name} of fault {number}, which does not exist"
            elif (said := re.search(r"fault_(\d+)_", name)) and int(said[1]) != number:
                yield f"docs/faults.md: test {name} stands at fault {number}"
    for name in sorted(known - named):
        if re.search(r"\bfault_\d+_|^test_fault_\d+_", name):
            yield f"docs/faults.md does not name {name}"
    if not rows:
        yield "docs/faults.md has no faults"


def main():
    root = pathlib.Path(os.environ["ZENITH_SOURCE_DIR"])
    documents = Documents(root, os.environ["ZENITH_EXE"])
    for document in documents.documents():
        documents.check(document)
    faults = documents.faults + list(unread_goldens(root)) + list(wrong_faults(root))
    for fault in faults:
        print(fault)
    print(f"docs: {documents.checked} names checked in {len(documents.documents())} documents, {len(faults)} faults")
    return 1 if faults or documents.checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
