"""The SDK's header: C99 and C++ take it without a warning, it includes <stdint.h> and nothing else, plugins include it and system headers
only, and every structure of an older version (sensors/sdk/v*.txt) is the beginning of today's.

usage: sdk_test.py [--write N]   Writes sensors/sdk/vN.txt from the header.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ.get("ZENITH_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
SDK = SOURCE / "sensors" / "sdk"
HEADER = SDK / "include" / "zenith_sensor.h"
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def structures(text):
    """{name: [member, …]}, with `int a, b;` as two members and all spaces as one."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)
    found = {}
    for body, name in re.findall(r"typedef struct \{(.*?)\}\s*(\w+);", text, re.DOTALL):
        members = []
        for declaration in body.split(";"):
            declaration = " ".join(declaration.split())
            if not declaration:
                continue
            plain = re.match(r"^((?:const )?\w+\*?) (\w+(?:\[\d+\])?(?:, \w+(?:\[\d+\])?)*)$", declaration)
            members += [f"{plain[1]} {m}" for m in plain[2].split(", ")] if plain else [declaration]
        found[name] = members
    return found


def frozen(path):
    return {name: members.strip().split("; ") for name, members in (line.split(":", 1) for line in path.read_text().splitlines())}


def compiled(language, flags, text):
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "probe"
        source.write_text(text)
        return subprocess.run([*language, *flags, "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{HEADER.parent}", "-fsyntax-only",
                               str(source)], capture_output=True, text=True, check=False, timeout=60)


class Sdk(unittest.TestCase):
    def test_older_structures_are_the_beginning_of_todays(self):
        today = structures(HEADER.read_text())
        versions = sorted(SDK.glob("v*.txt"))
        self.assertTrue(versions)
        for version in versions:
            for name, members in frozen(version).items():
                self.assertEqual(today.get(name, [])[:len(members)], members, f"{name} of {version.name}")

    def test_the_check_sees_a_member_that_moved(self):
        text = HEADER.read_text()
        swapped = text.replace("uint32_t abi, size;", "uint32_t size, abi;")
        self.assertNotEqual(swapped, text)
        members = frozen(SDK / "v1.txt")["zenith_sensor_v1"]
        self.assertNotEqual(structures(swapped)["zenith_sensor_v1"][:len(members)], members)
        self.assertEqual(len(structures(text)["zenith_sensor_v1"]), 10)
        self.assertEqual(len(structures(text)["zenith_frame"]), 10)

    def test_it_is_c99_and_cpp(self):
        for language, flags in ((["cc", "-xc"], ["-std=c99"]), (["cc", "-xc"], ["-std=c17"]), (["c++", "-xc++"], ["-std=c++11"])):
            done = compiled(language, flags, '#include "zenith_sensor.h"\n#include "zenith_sensor.h"\nint main(void) { return 0; }\n')
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_layout_is_that_of_version_1(self):
        offsets = {"seq": 0, "t_mono_ns": 8, "t_wall_ns": 16, "flags": 24, "channel": 28, "dtype": 32, "rank": 36, "dims": 40, "data": 72,
                   "bytes": 80}
        table = {"abi": 0, "size": 4, "manifest": 8, "open": 16, "start": 24, "read_batch": 32, "release": 40, "health": 48, "stop": 56,
                 "close": 64}
        checks = [f"_Static_assert(offsetof(zenith_frame, {m}) == {o}, \"{m}\");" for m, o in offsets.items()]
        checks += [f"_Static_assert(offsetof(zenith_sensor_v1, {m}) == {o}, \"{m}\");" for m, o in table.items()]
        done = compiled(["cc", "-xc"], ["-std=c11"], '#include <stddef.h>\n#include "zenith_sensor.h"\n' + "\n".join(checks) + "\n")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_it_includes_nothing_else_and_plugins_nothing_of_ours_but_it(self):
        self.assertEqual(INCLUDE.findall(HEADER.read_text()), ["stdint.h"])
        plugins = [p for p in (SOURCE / "sensors" / "plugins").rglob("*") if p.suffix in (".c", ".cpp", ".h")]
        self.assertTrue(plugins)
        for plugin in plugins:
            for name in INCLUDE.findall(plugin.read_text()):
                self.assertFalse(name.startswith("zenith/"), f"{plugin} includes {name}")
                self.assertIn(".h", name)

    def test_plugins_export_one_symbol(self):
        folder = pathlib.Path(os.environ["ZENITH_BUILD_DIR"]) / "lib" / "zenith" / "plugins"
        plugins = list(folder.glob("*.so"))
        self.assertGreaterEqual(len(plugins), 2)
        for plugin in plugins:
            out = subprocess.run(["nm", "-D", "--defined-only", str(plugin)], capture_output=True, text=True, check=True).stdout
            self.assertEqual([line.split()[-1] for line in out.splitlines()], ["zenith_sensor_entry"], plugin)


if __name__ == "__main__":
    if "--write" in sys.argv:
        number = sys.argv[sys.argv.index("--write") + 1]
        lines = [f"{name}: {'; '.join(members)}\n" for name, members in structures(HEADER.read_text()).items()]
        (SDK / f"v{number}.txt").write_text("".join(lines))
    else:
        unittest.main()
