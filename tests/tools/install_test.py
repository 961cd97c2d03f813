"""cmake --install into an empty folder: the executable runs, and a program builds against zenith-core by pkg-config alone."""
import os
import pathlib
import subprocess
import tempfile
import unittest

PROGRAM = """#include <cstdio>
#include "zenith/core/config.hpp"
int main() {
  const auto config = zenith::load_config(std::nullopt, [](const std::string&) { return std::nullopt; });
  std::puts(config ? config->server.listen.c_str() : config.error().message.c_str());
}
"""


class InstallTest(unittest.TestCase):
    def test_install(self):
        with tempfile.TemporaryDirectory() as folder:
            prefix = pathlib.Path(folder) / "prefix"
            subprocess.run(["cmake", "--install", os.environ["ZENITH_BUILD_DIR"], "--prefix", prefix], check=True, capture_output=True)
            version = subprocess.run([prefix / "bin" / "zenith", "--version"], check=True, capture_output=True, text=True).stdout
            self.assertEqual(version.strip(), (pathlib.Path(os.environ["ZENITH_SOURCE_DIR"]) / "VERSION").read_text().strip())
            media = prefix / "bin" / "zenith-media"
            if media.exists():  # it finds its libraries where they were installed
                said = subprocess.run([media], capture_output=True, text=True, check=False)
                self.assertEqual((said.returncode, said.stderr[:20]), (2, "zenith-media: usage:"), said.stderr)
            pc = next(prefix.rglob("zenith-core.pc"))
            source, program = pathlib.Path(folder) / "a.cpp", pathlib.Path(folder) / "a"
            source.write_text(PROGRAM)
            flags = subprocess.run(["pkg-config", "--cflags", "--libs", "zenith-core"], check=True, capture_output=True, text=True,
                                   env={**os.environ, "PKG_CONFIG_PATH": str(pc.parent)}).stdout.split()
            built = subprocess.run(["c++", source, "-o", program, *flags], capture_output=True, text=True, check=False)
            self.assertEqual(built.returncode, 0, built.stderr)
            said = subprocess.run([program], check=True, capture_output=True, text=True).stdout
            self.assertEqual(said, "127.0.0.1:8080\n")


if __name__ == "__main__":
    unittest.main()
