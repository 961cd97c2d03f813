"""The checker itself finds what it is for: each case is a small tree with one fault."""
import pathlib
import sys
import tempfile
import unittest

from check_includes import Checker

TABLE = """set(ZENITH_MAY_LINK_core     "")
set(ZENITH_MAY_LINK_models   core)
set(ZENITH_MAY_LINK_gateway  core)
"""

# name: (files, what the violation says; None = there must be none)
CASES = {
    "allowed_edge": ({"models/src/a.cpp": '#include "zenith/core/x.hpp"\n'}, None),
    "own_private_header": ({"models/src/sub/a.cpp": '#include "b.hpp"\n#include "sub/b.hpp"\n', "models/src/sub/b.hpp": ""}, None),
    "forbidden_edge": ({"core/src/a.cpp": '#include "zenith/models/y.hpp"\n', "models/include/zenith/models/y.hpp": ""},
                       "core may not include zenith/models/y.hpp"),
    "unknown_module": ({"core/src/a.cpp": '#include "zenith/nothing/y.hpp"\n'}, "zenith/nothing is no module"),
    "missing_header": ({"models/src/a.cpp": '#include "zenith/core/gone.hpp"\n'}, "zenith/core/gone.hpp does not exist"),
    "private_of_another": ({"models/src/a.cpp": '#include "../../core/src/secret.hpp"\n', "core/src/secret.hpp": ""},
                           "reaches into another module"),
    "public_includes_private": ({"core/include/zenith/core/p.hpp": '#include "q.hpp"\n', "core/src/q.hpp": ""},
                                "a public header includes the private q.hpp"),
    "caf_in_models": ({"models/src/a.cpp": "#include <caf/all.hpp>\n"}, "only actors, services may"),
    "zmq_anywhere": ({"core/src/a.cpp": "#include <zmq.hpp>\n"}, "only wire may"),
    "json_in_core": ({"core/src/a.cpp": "  #  include <nlohmann/json.hpp>\n"}, "only gateway, media, models, sensorhost, services, tools may"),
    "openvino_in_models": ({"models/src/a.cpp": "#include <openvino/openvino.hpp>\n"}, "only media may"),
    "flite_in_core": ({"core/src/a.cpp": "#include <flite/flite.h>\n"}, "only media may"),
    "six_beast_files": ({f"gateway/src/a{i}.cpp": "#include <boost/beast/core.hpp>\n" for i in range(6)}, "included by 6 files"),
    "five_beast_files": ({f"gateway/src/a{i}.cpp": "#include <boost/beast/core.hpp>\n" for i in range(5)}, None),
}


class CheckerTest(unittest.TestCase):
    def test_cases(self):
        for name, (files, says) in CASES.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                root = pathlib.Path(folder).resolve()
                everything = {"cmake/ZenithModule.cmake": TABLE, "core/include/zenith/core/x.hpp": "", **files}
                for path, text in everything.items():
                    (root / path).parent.mkdir(parents=True, exist_ok=True)
                    (root / path).write_text(text)
                violations = Checker(root).run()
                if says is None:
                    self.assertEqual(violations, [])
                else:
                    self.assertEqual(len(violations), 1, violations)
                    self.assertIn(says, violations[0])


if __name__ == "__main__":
    sys.exit(unittest.main())
