"""The configure step refuses a link that the table does not allow, however it is made, and lets an allowed one pass."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

CMAKE = pathlib.Path(os.environ["ZENITH_SOURCE_DIR"]) / "cmake"


def configure(core, kernels):
    """A toy project with two modules whose CMakeLists are given. @returns (status, output)."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {"core": core, "kernels": kernels}.items():
            (root / name).mkdir()
            (root / name / "CMakeLists.txt").write_text(text)
        (root / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(toy LANGUAGES NONE)\n"
            f"include({CMAKE}/ZenithModule.cmake)\nadd_subdirectory(core)\nadd_subdirectory(kernels)\nzenith_check_links()\n")
        done = subprocess.run(["cmake", "-S", root, "-B", root / "build"], capture_output=True, text=True, check=False)
        return done.returncode, " ".join((done.stdout + done.stderr).split())


class ForbiddenLinkTest(unittest.TestCase):
    def test_an_allowed_edge_configures(self):
        status, output = configure("zenith_module(core)", "zenith_module(kernels PUBLIC zenith::core)")
        self.assertEqual(status, 0, output)

    def test_a_forbidden_edge_is_refused(self):
        status, output = configure("zenith_module(core PUBLIC zenith::kernels)", "zenith_module(kernels)")
        self.assertNotEqual(status, 0)
        self.assertIn("zenith::core may not depend on zenith::kernels", output)

    def test_a_link_past_the_function_is_refused_too(self):
        status, output = configure("zenith_module(core)\ntarget_link_libraries(zenith_core INTERFACE zenith::kernels)",
                                   "zenith_module(kernels)")
        self.assertNotEqual(status, 0)
        self.assertIn("zenith::core may not depend on zenith::kernels", output)

    def test_a_module_that_is_not_in_the_table_is_refused(self):
        status, output = configure("zenith_module(core)", "zenith_module(stranger)")
        self.assertNotEqual(status, 0)
        self.assertIn("zenith::stranger is not in the table", output)


if __name__ == "__main__":
    sys.exit(unittest.main())
