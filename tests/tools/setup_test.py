"""scripts/setup.sh against an archive of its own: what it installs when a pin is there, superseded or gone, and that it does it once."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["ZENITH_SOURCE_DIR"])

# Each writes down how it was called; the archive's contents are files in $ARCHIVE.
FAKES = {
    "apt-get": 'echo "apt-get $*" >> "$ARCHIVE/calls"; [ ! -e "$ARCHIVE/broken" ] || exit 100',
    "apt-cache": '''case $1 in
  madison) while read -r v; do echo " $2 | $v | http://archive bookworm/main amd64 Packages"; done < <(cat "$ARCHIVE/$2.versions" 2>/dev/null) ;;
  policy) printf '%s:\\n  Installed: (none)\\n  Candidate: %s\\n' "$2" "$(cat "$ARCHIVE/$2.candidate" 2>/dev/null || echo '(none)')" ;;
esac''',
    "dpkg-query": 'cat "$ARCHIVE/installed" 2>/dev/null',
    "id": "echo 0",
}


class SetupTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name) / "tree"
        self.archive = pathlib.Path(folder.name) / "archive"
        self.bin = pathlib.Path(folder.name) / "bin"
        (self.root / "scripts").mkdir(parents=True)
        self.archive.mkdir()
        self.bin.mkdir()
        for name in ["setup.sh", "requirements.txt"]:
            shutil.copy(SOURCE / "scripts" / name, self.root / "scripts" / name)
        for name, body in FAKES.items():
            self.program(name, body)
        for name in ["cmake", "ninja", "ccache", "g++"]:  # what a stamp claims
            self.program(name, "exit 0")

    def program(self, name, body):
        path = self.bin / name
        path.write_text("#!/bin/bash\n" + body + "\n")
        path.chmod(0o755)

    def offers(self, name, *versions):
        (self.archive / f"{name}.versions").write_text("".join(v + "\n" for v in versions))
        (self.archive / f"{name}.candidate").write_text(versions[0] + "\n")

    def pins(self, *pins):
        (self.root / "scripts" / "packages-debian.txt").write_text("# why\n[build]\n" + "\n".join(pins) + "\n[test]\nunused=1\n")

    def setup(self):
        done = subprocess.run([self.root / "scripts" / "setup.sh", "build"], capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", "ARCHIVE": str(self.archive)})
        calls = self.archive / "calls"
        installs = [line for line in (calls.read_text().splitlines() if calls.exists() else []) if line.startswith("apt-get install")]
        return done.returncode, done.stdout + done.stderr, installs

    def test_a_pin_that_the_archive_has_is_taken_though_a_newer_one_is_there(self):
        self.offers("libfoo-dev", "2:1.2+dfsg-3~deb12u2", "2:1.2+dfsg-3")
        self.pins("libfoo-dev=2:1.2+dfsg-3")
        code, said, installs = self.setup()
        self.assertEqual(code, 0, said)
        self.assertEqual(len(installs), 1)
        self.assertTrue(installs[0].endswith(" libfoo-dev=2:1.2+dfsg-3"), installs)
        self.assertNotIn("WARNING", said)

    def test_a_superseded_pin_gives_way_to_the_candidate_with_a_warning(self):
        self.offers("libfoo-dev", "1.3-1")
        self.offers("bar", "7")
        self.pins("libfoo-dev=1.2-1", "bar=7")
        code, said, installs = self.setup()
        self.assertEqual(code, 0, said)
        self.assertIn("WARNING: libfoo-dev: the pinned 1.2-1 is gone from the archive; installing 1.3-1", said)
        self.assertTrue(installs[0].endswith(" libfoo-dev=1.3-1 bar=7"), installs)

    def test_a_pin_is_compared_whole(self):
        self.offers("libfoo-dev", "1.2-10")
        self.pins("libfoo-dev=1.2-1")
        self.assertIn("the pinned 1.2-1 is gone", self.setup()[1])

    def test_a_package_that_nobody_offers_is_named_and_nothing_is_installed(self):
        self.offers("bar", "7")
        self.pins("bar=7", "libfoo-dev=1.2-1")
        code, said, installs = self.setup()
        self.assertEqual(code, 1)
        self.assertIn("no archive of this machine offers libfoo-dev (wanted 1.2-1)", said)
        self.assertEqual(installs, [])
        self.assertEqual(list((self.root / ".cache").glob("setup/*")), [])

    def test_a_failed_install_is_tried_again_and_a_good_one_is_not(self):
        self.offers("bar", "7")
        self.pins("bar=7")
        (self.archive / "broken").touch()
        code, said, _ = self.setup()
        self.assertNotEqual(code, 0, said)
        (self.archive / "broken").unlink()
        self.assertEqual(self.setup()[0], 0)
        before = (self.archive / "calls").read_text()
        code, said, _ = self.setup()
        self.assertEqual((code, said), (0, ""), "a stamp answers at once")
        self.assertEqual((self.archive / "calls").read_text(), before)
        self.pins("bar=7", "baz=1")
        self.offers("baz", "1")
        (self.archive / "installed").write_text("ii  bar\n")
        code, said, installs = self.setup()
        self.assertTrue(installs[-1].endswith(" baz=1"), "a changed list is looked at again, and only what is missing installed")

    def test_what_is_installed_in_another_version_stays(self):
        self.pins("bar=7")
        (self.archive / "installed").write_text("ii  bar\nrc  baz\n")
        code, said, installs = self.setup()
        self.assertEqual((code, installs), (0, []), said)
        self.assertIn("all 1 Debian packages are there", said)


if __name__ == "__main__":
    unittest.main()
