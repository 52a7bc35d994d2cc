"""What the project is built from and with: locks, assets, the wheel, and the files that operations reads."""

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "app" / "static" / "build"
LOCKS = ["requirements.lock", "requirements-build.lock", "requirements-dev.lock"]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command at the top of the project; the test looks at how it ended."""
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True)


def canonical(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(path: Path) -> dict[str, str]:
    """Name → version of every `name==version` line, whether locked or asked for."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", path.read_text(), re.MULTILINE)
    return {canonical(name): version for name, version in found}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_a_hash_for_every_pin_and_names_no_host(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert entries
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"^.*(?:https?://|file:|--index-url|--extra-index-url|--find-links).*$", text, re.MULTILINE) == []


@pytest.mark.parametrize("name", ["requirements", "requirements-build", "requirements-dev"])
def test_what_is_asked_for_is_pinned_exactly_and_locked_so(name: str) -> None:
    asked = ROOT / f"{name}.in"
    lines = [line.split("#")[0].strip() for line in asked.read_text().splitlines()]
    wanted = [line for line in lines if line and not line.startswith("-")]
    assert [line for line in wanted if "==" not in line] == []
    locked = pins(ROOT / f"{name}.lock")
    assert {k: v for k, v in pins(asked).items() if locked.get(k) != v} == {}


def test_development_has_everything_that_production_has() -> None:
    development = pins(ROOT / "requirements-dev.lock")
    for name in ("requirements.lock", "requirements-build.lock"):
        assert {k: v for k, v in pins(ROOT / name).items() if development.get(k) != v} == {}


def test_only_one_distribution_owns_the_passlib_module() -> None:
    locked = pins(ROOT / "requirements-dev.lock")
    assert "libpass" in locked
    assert "passlib" not in locked


def test_npm_packages_are_locked_by_content_not_by_host() -> None:
    packages: dict[str, dict[str, Any]] = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    fetched = {name: package for name, package in packages.items() if name}
    assert [name for name, package in fetched.items() if "resolved" in package] == []
    assert [name for name, package in fetched.items() if "integrity" not in package] == []


def test_npm_versions_are_exact() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    asked = package["dependencies"] | package["devDependencies"]
    assert [name for name, version in asked.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_the_style_sheet_carries_no_branding_of_gov_uk() -> None:
    css = (BUILD / "app.css").read_text(encoding="utf-8")
    assert "GDS Transport" not in css
    assert "@font-face" not in css
    assert re.findall(r"url\(\s*[\"']?(?!data:)[^)]*\)", css) == [], "an image or font that nobody builds"
    assert "\ufeff" not in css, "a byte order mark in the middle would spoil the rule after it"
    assert "var(--govuk-brand-colour," in css, "a council's colour is one custom property"


def test_every_house_class_that_templates_use_has_a_rule() -> None:
    css = (BUILD / "app.css").read_text(encoding="utf-8")
    ruled = set(re.findall(r"\.(app-[a-z][a-z_-]*)", css))
    used: dict[str, str] = {}
    for path in sorted((ROOT / "app" / "templates").rglob("*.html")):
        for value in re.findall(r'class="([^"]*)"', path.read_text(encoding="utf-8")):
            used |= dict.fromkeys(re.findall(r"(?<![\w-])app-[a-z][a-z_-]*[a-z](?![\w{-])", value), path.name)
    assert {name: file for name, file in used.items() if name not in ruled} == {}


def test_the_manifest_has_the_fingerprint_of_every_asset() -> None:
    manifest = json.loads((BUILD / "manifest.json").read_text())
    files = {path.name for path in BUILD.iterdir() if path.is_file() and not path.name.startswith(".")} - {"manifest.json"}
    assert set(manifest) == files
    assert {"app.css", "app.js", "govuk-frontend.min.js", "favicon.svg"} <= files
    for name, fingerprint in manifest.items():
        assert hashlib.sha256((BUILD / name).read_bytes()).hexdigest().startswith(fingerprint)


def test_the_script_asks_for_the_module_by_its_fingerprint() -> None:
    manifest = json.loads((BUILD / "manifest.json").read_text())
    imports = re.findall(r'from "\./([^"?]+)\?v=([0-9a-f]+)"', (BUILD / "app.js").read_text())
    assert imports == [("govuk-frontend.min.js", manifest["govuk-frontend.min.js"])]


def test_nothing_built_is_committed() -> None:
    tracked = command("git", "ls-files", "node_modules", "app/static/build", "var", ".venv")
    if tracked.returncode:
        pytest.skip("not a git checkout")  # a source archive has no history to ask
    assert tracked.stdout == ""


def test_the_wheel_carries_what_the_service_needs_and_nothing_else(tmp_path: Path) -> None:
    built = command(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path))
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    assert {"app/__main__.py", "app/static/build/app.css", "app/static/build/app.js", "migrations/env.py"} <= names
    for folder in ("app/templates/", "migrations/versions/", "seed/reference/"):
        assert any(name.startswith(folder) for name in names), folder
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"app", "migrations", "seed"}
    assert not any(name.startswith("app/static/src/") for name in names)
    required = set(re.findall(r"^Requires-Dist: ([A-Za-z0-9._-]+)", metadata, re.MULTILINE))
    assert {canonical(name) for name in required} == set(pins(ROOT / "requirements.in"))


@pytest.mark.parametrize("script", [".ci/run", *sorted(f"scripts/{path.name}" for path in (ROOT / "scripts").glob("*.sh"))])
def test_shell_scripts_parse_stop_at_errors_and_can_be_run(script: str) -> None:
    path = ROOT / script
    assert command("bash", "-n", script).stderr == ""
    assert "set -euo pipefail" in path.read_text()
    assert os.access(path, os.X_OK)


def test_continuous_integration_builds_the_image_the_way_the_dockerfile_does() -> None:
    for name in (".ci/run", "Dockerfile"):
        assert "scripts/image_build.sh" in (ROOT / name).read_text(), name
    assert "make test PROFILE=thorough" in (ROOT / ".ci/run").read_text()


def test_the_image_runs_as_nobody_in_particular_and_says_when_it_is_well() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    final = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM ")) :]
    order = [line.split()[0] for line in final if re.match(r"[A-Z]+ ", line)]
    assert order.index("USER") < order.index("CMD")
    assert "USER root" not in final
    assert "/healthz" in "\n".join(final)


def test_compose_takes_secrets_from_the_environment() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert {"app", "worker", "migrate", "postgres", "mail"} <= set(compose["services"])
    settings = {k: v for service in compose["services"].values() for k, v in service.get("environment", {}).items()}
    secret = {k: v for k, v in settings.items() if re.search("PASSWORD|SECRET|_URL$", k) and "BASE" not in k and "SMTP" not in k}
    assert secret
    assert [k for k, v in secret.items() if "${ACADEMY_POSTGRES_PASSWORD:?" not in v] == []


def test_make_explains_its_targets() -> None:
    shown = command("make", "--no-print-directory", "help").stdout
    for target in ("run", "test", "lint", "openapi", "bench", "clean"):
        assert f"make {target} " in shown
