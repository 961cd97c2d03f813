"""Every #include against the module graph of cmake/ZenithModule.cmake, and third parties against the modules that may use them.

usage: check_includes.py [ROOT]   Prints one line a violation; exits 1 when there is one.
"""
import pathlib
import re
import sys

SOURCES = {".cpp", ".hpp", ".h", ".inc"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
EDGE = re.compile(r"^set\(ZENITH_MAY_LINK_(\w+)\s+([^)]*)\)", re.MULTILINE)

# Prefix of an included path: the modules that may have it. An empty set: nobody.
THIRD_PARTIES = {
    "boost/": {"gateway"},
    "caf/": {"actors", "services"},
    "zmq": {"wire"},
    "flatbuffers/": {"links"},
    "nlohmann/": {"gateway", "media", "models", "sensorhost", "services", "tools"},
    "zenith_sensor.h": {"sensorhost"},
    "toml++/": {"core", "gateway"},
    "spdlog/": {"core"},
    "prometheus/": {"core"},
    "hwy/": {"kernels"},
    "immintrin.h": {"kernels"},
    "xxhash.h": {"core", "media", "models", "wire"},
    "CLI/": {"tools"},
    "curl/": {"gateway", "tools"},
    "zip.h": {"media", "tools"},
    "openvino/": {"media"},
    "flite/": {"media"},
    "zlib.h": {"media"},
    "libav": {"media"},
    "libsw": {"media"},
    "opencv2/": {"media"},
    "seccomp.h": {"mediahost"},
    "zlib.h": {"media"},
    "openssl/": {"gateway", "tools"},
}
BEAST_FILES_AT_MOST = 5
# Modules that do not lie in the folder of their name.
FOLDERS = {"sensorhost": "sensors/host"}


def read_edges(root):
    text = (root / "cmake" / "ZenithModule.cmake").read_text()
    return {name: set(deps.replace('"', "").split()) for name, deps in EDGE.findall(text)}


def inside(path, folder):
    return path == folder or folder in path.parents


class Checker:
    def __init__(self, root):
        self.root = root
        self.edges = read_edges(root)
        self.violations, self.beast_files, self.files = [], set(), 0

    def say(self, path, number, what):
        self.violations.append(f"{path.relative_to(self.root)}:{number}: {what}")

    def run(self):
        for module in sorted(self.edges):
            for folder in ("include", "src"):
                for path in sorted((self.root / FOLDERS.get(module, module) / folder).rglob("*")):
                    if path.suffix in SOURCES:
                        self.files += 1
                        self.check_file(module, folder == "include", path)
        if len(self.beast_files) > BEAST_FILES_AT_MOST:
            names = ", ".join(sorted(str(p.relative_to(self.root)) for p in self.beast_files))
            self.violations.append(f"Boost.Beast is included by {len(self.beast_files)} files, at most {BEAST_FILES_AT_MOST} may: {names}")
        return self.violations

    def check_file(self, module, public, path):
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                kind, target = match.groups()
                if target.startswith("zenith/"):
                    self.check_module(module, path, number, target)
                elif kind == '"':
                    self.check_private(module, public, path, number, target)
                self.check_third_party(module, path, number, target)

    def check_module(self, module, path, number, target):
        owner = target.split("/")[1]
        if owner not in self.edges:
            self.say(path, number, f"zenith/{owner} is no module")
        elif owner != module and owner not in self.edges[module]:
            self.say(path, number, f"{module} may not include {target}: its allowed modules are {sorted(self.edges[module])}")
        elif not (self.root / owner / "include" / target).exists():
            self.say(path, number, f"{target} does not exist")

    def check_private(self, module, public, path, number, target):
        home = (self.root / FOLDERS.get(module, module)).resolve()
        roots = [path.parent, home / "src"]
        found = next((p for p in ((r / target).resolve() for r in roots) if p.exists()), None)
        if found is None:
            # A quoted third party or a generated file; third parties are judged by name.
            if ".." in pathlib.PurePath(target).parts:
                self.say(path, number, f"{target} does not exist")
        elif not inside(found, home):
            self.say(path, number, f"{target} reaches into another module")
        elif public:
            self.say(path, number, f"a public header includes the private {target}")

    def check_third_party(self, module, path, number, target):
        if target.startswith("boost/beast"):
            self.beast_files.add(path)
        for prefix, modules in THIRD_PARTIES.items():
            if target.startswith(prefix) and module not in modules:
                where = f"only {', '.join(sorted(modules))} may" if modules else "no module may"
                self.say(path, number, f"{module} includes <{target}>: {where}")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    checker = Checker(root)
    violations = checker.run()
    for line in violations:
        print(line)
    print(f"layering: {checker.files} files, {len(violations)} violations")
    return 1 if violations or checker.files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
