"""`zenith` links none of the media libraries, `zenith-media` does: ldd of both."""
import os
import pathlib
import subprocess
import unittest

ZENITH = pathlib.Path(os.environ["ZENITH_EXE"])
MEDIA = ("openvino", "opencv", "flite", "tbb", "asound", "libav", "libsw")


def libraries(path):
    out = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in out.splitlines() if line.strip()]


class Apart(unittest.TestCase):
    def test_zenith_links_no_media_library(self):
        linked = [name for name in libraries(ZENITH) if any(part in name for part in MEDIA)]
        self.assertEqual(linked, [])

    def test_zenith_media_links_them(self):
        names = " ".join(libraries(ZENITH.parent / "zenith-media"))
        self.assertIn("libopenvino", names)
        self.assertIn("libflite", names)
        self.assertNotIn("not found", names)

    def test_ffmpeg_comes_to_sensors_by_the_camera_s_plugin_alone(self):
        self.assertEqual([name for name in libraries(ZENITH.parent / "zenith-sensor-host") if any(part in name for part in MEDIA)], [])
        plugins = ZENITH.parent.parent / "lib" / "zenith" / "plugins"
        linked = {path.stem: [n for n in libraries(path) if n.startswith("libav")] for path in plugins.glob("*.so")}
        self.assertTrue(linked["ffmpeg_camera"])
        self.assertFalse([n for n in linked["ffmpeg_camera"] if n.startswith("libavdevice")], "it is loaded for a device alone")
        self.assertEqual([name for name, libs in linked.items() if libs], ["ffmpeg_camera"])

    def test_zenith_media_alone_says_how_it_is_started(self):
        done = subprocess.run([ZENITH.parent / "zenith-media"], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("usage: zenith-media", done.stderr)


if __name__ == "__main__":
    unittest.main()
