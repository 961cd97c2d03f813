"""compose.yaml, the Dockerfile and the Kubernetes manifests, as far as they can be held to without Docker or a cluster."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib
import unittest

import kubernetes_validate
import yaml

ROOT = pathlib.Path(os.environ["ZENITH_SOURCE_DIR"])
EXE = os.environ["ZENITH_EXE"]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
MANIFESTS = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
ONE_SHOT = {"models", "access", "keys"}


def objects():
    for path in MANIFESTS:
        for thing in yaml.safe_load_all(path.read_text()):
            yield path.name, thing


def check_configuration(test, text, where):
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([EXE, "serve", "--config", file.name, "--print-config"], capture_output=True, text=True, timeout=60, check=False)
    test.assertEqual(done.returncode, 0, f"{where}: {done.stderr}")


class Compose(unittest.TestCase):
    def test_every_service_has_limits_and_says_when_it_is_restarted(self):
        for name, service in COMPOSE["services"].items():
            self.assertIn("mem_limit", service, name)
            self.assertEqual(service["restart"], "on-failure" if name.removesuffix("-tcp") in ONE_SHOT else "unless-stopped", name)
            self.assertEqual(service["cap_drop"], ["ALL"], name)

    def test_every_role_of_the_configuration_has_a_container(self):
        config = tomllib.loads((ROOT / "deploy" / "compose" / "zenith.toml").read_text())
        wanted = {(s["role"], s["id"] if s["role"] == "voice" else None) for s in config["service"]}
        commands = [s["command"] for n, s in COMPOSE["services"].items() if n not in ONE_SHOT and not n.endswith("-tcp")]
        self.assertEqual({(c[1], c[c.index("--id") + 1] if "--id" in c else None) for c in commands}, wanted)
        self.assertEqual({s["role"] for s in config["service"]}, {"gateway", "router", "text", "voice", "vision", "sensor"})

    def test_ports_are_published_on_loopback_only(self):
        ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
        self.assertTrue(ports)
        for port in ports:
            self.assertTrue(port.startswith("127.0.0.1:"), port)

    def test_the_scaled_service_has_no_name_and_no_port_of_its_own(self):
        self.assertFalse({"container_name", "ports", "hostname"} & COMPOSE["services"]["text"].keys())

    def test_named_volumes_exist_and_are_used(self):
        used = {v.split(":")[0] for s in COMPOSE["services"].values() for v in s.get("volumes", []) if not v.startswith(".")}
        self.assertEqual(used, set(COMPOSE["volumes"]))

    def test_configurations_are_accepted(self):
        files = sorted((ROOT / "deploy" / "compose").glob("*.toml"))
        self.assertTrue(files)
        for path in files:
            check_configuration(self, path.read_text(), path.name)


class Image(unittest.TestCase):
    def test_needs_no_buildkit(self):
        text = (ROOT / "Dockerfile").read_text()
        for feature in ("--mount", "<<EOF", "--chmod", "--link", "# syntax="):
            self.assertNotIn(feature, text)

    def test_base_is_an_argument_whose_default_is_public(self):
        text = (ROOT / "Dockerfile").read_text()
        self.assertIn("ARG BASE=debian:bookworm-slim\n", text)
        self.assertEqual(set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)), {"${BASE}", "runtime-base"})

    def packages(self, group):
        listed = (ROOT / "scripts" / "packages-debian.txt").read_text().split(f"[{group}]\n")[1].split("\n[")[0]
        return {line.split("=")[0] for line in listed.splitlines() if line and not line.startswith("#")}

    def needed_by(self, executable):
        needed = set(re.findall(r"\(NEEDED\)\s+Shared library: \[([^\]]+)\]",
                                subprocess.run(["readelf", "-d", executable], capture_output=True, text=True, check=True).stdout))
        paths = [f"{root}/x86_64-linux-gnu/{library}" for library in needed for root in ("/usr/lib", "/lib")]
        owners = subprocess.run(["dpkg", "-S", *paths], capture_output=True, text=True, check=False).stdout
        packages = {line.split(":")[0] for line in owners.splitlines()} - {"libc6", "libgcc-s1"}  # of every image
        self.assertTrue(packages)
        return packages

    def test_packages_at_run_time_are_those_that_the_executable_links(self):
        self.assertEqual(self.needed_by(EXE), self.packages("run") - {"ca-certificates", "curl"})
        self.assertLessEqual(self.needed_by(pathlib.Path(EXE).parent / "zenith-sensor-host"), self.packages("run"))
        media = self.needed_by(pathlib.Path(EXE).parent / "zenith-media")
        self.assertEqual(media - self.packages("run"), self.packages("run-media"))

    def test_staged_wheels_are_those_of_the_catalog(self):
        catalog = (ROOT / "tools" / "src" / "catalog.cpp").read_text()
        pins = [line.split("==") for line in (ROOT / "deploy" / "model-wheels.txt").read_text().splitlines() if "==" in line]
        self.assertTrue(pins)
        for name, version in pins:
            self.assertIn(f'{{"{name}", "{version}", ', catalog)
        # Without its index pip has these only: all that `zenith pull --defaults` asks for must be among them.
        defaults = [row for row in catalog.split("rows.push_back(")[1:] if ".is_default = true" in row]
        needed = {part for row in defaults for part in re.findall(r'\{+"([a-z0-9-]+)", "[0-9.]+", ', row)}
        needed |= {"rapidocr-onnxruntime"}  # written once, in ppocr_file
        self.assertEqual(needed, {name for name, _ in pins})


class Kubernetes(unittest.TestCase):
    def test_manifests_follow_the_schemas(self):
        self.assertGreaterEqual(len(MANIFESTS), 2)
        for name, thing in objects():
            with self.subTest(f"{name}: {thing['kind']} {thing['metadata']['name']}"):
                kubernetes_validate.validate(thing, "1.37", strict=True)

    def test_a_wrong_manifest_would_be_refused(self):
        _, deployment = next((n, t) for n, t in objects() if t["kind"] == "Deployment")
        deployment["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Never"
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(deployment, "1.37", strict=True)

    def test_roles_are_known_and_configurations_accepted(self):
        roles = set()
        for name, thing in objects():
            if thing["kind"] == "ConfigMap":
                for text in thing["data"].values():
                    check_configuration(self, text, name)
            template = thing.get("spec", {}).get("template", {}).get("spec", {})
            for container in template.get("containers", []):
                self.assertEqual(container["args"][0], "serve")
                roles.add(container["args"][1])
                self.assertIn("memory", container["resources"]["limits"], container["name"])
        self.assertEqual(roles, {"gateway", "router", "text", "voice", "vision", "sensor"})


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
