"""Build the style sheet and scripts that pages use, into app/static/build.

Nothing there is committed. The tools come from npm: the machine's own where Node is new enough, else the one that the
development requirements bring. Does nothing when neither the sources nor the locked packages have changed since last time.

    python scripts/build_assets.py [--force]
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "app" / "static" / "src"
BUILD = ROOT / "app" / "static" / "build"
MODULES = ROOT / "node_modules"
GOVUK = MODULES / "govuk-frontend" / "dist" / "govuk"
PACKAGES = [ROOT / "package.json", ROOT / "package-lock.json"]
OLDEST_NODE = (20, 19)
FONTS = MODULES / "@expo-google-fonts"  # for PDFs: the typesetter reads no system fonts, so that they look alike everywhere
FAMILIES = {"noto-sans": "NotoSans", "noto-sans-arabic": "NotoSansArabic", "noto-sans-hebrew": "NotoSansHebrew"}
FACES = ("400Regular", "700Bold")
OWN_SCRIPTS = ("register.js", "code.js", "document.js", "record.js")  # of single pages; they import nothing
GOVUK_LICENCE = (
    "/*! GOV.UK Frontend {version}. Copyright (c) 2017 Crown Copyright (Government Digital Service). "
    "MIT licence: https://github.com/alphagov/govuk-frontend/blob/main/LICENSE.txt */\n"
)


def digest(paths: list[Path]) -> str:
    """One SHA-256, in hexadecimal, over the names and contents of these files."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def stamped(stamp: Path, value: str) -> bool:
    """True if this stamp file holds this value: what it vouches for is up to date."""
    return stamp.is_file() and stamp.read_text() == value


def node_folder() -> str:
    """The folder of a Node new enough to build with: the machine's, else the virtual environment's.

    Exits with an explanation when there is neither.
    """
    beside_python = sysconfig.get_path("scripts")
    elsewhere = os.pathsep.join(p for p in os.environ.get("PATH", "").split(os.pathsep) if Path(p) != Path(beside_python))
    for search in (elsewhere, beside_python):
        node, npm = shutil.which("node", path=search), shutil.which("npm", path=search)
        if node and npm and Path(node).parent == Path(npm).parent:
            version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
            numbers = tuple(int(part) for part in version.lstrip("v").split(".")[:2] if part.isdigit())
            if numbers >= OLDEST_NODE:
                return str(Path(node).parent)
    sys.exit("No Node 20.19 or newer found. Install one, or: pip install --require-hashes -r requirements-build.lock")


def run(*command: str | Path) -> None:
    """Run a Node tool from the chosen folder; its output is shown only if it fails."""
    folder = node_folder()
    environment = {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", ""), "npm_config_update_notifier": "false"}
    program = shutil.which(str(command[0]), path=folder)  # on Windows npm is npm.cmd, which only a full path finds
    result = subprocess.run([program or command[0], *command[1:]], cwd=ROOT, env=environment, text=True, check=False, capture_output=True)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{result.stdout}{result.stderr}")


def install_packages() -> None:
    """Fetch exactly the locked npm packages, unless they are there already. Their install scripts are not run."""
    stamp, wanted = MODULES / ".academy-stamp", digest(PACKAGES)
    if not stamped(stamp, wanted):
        print("Fetching front-end packages …", flush=True)
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        stamp.write_text(wanted)


def short(path: Path) -> str:
    """A file's fingerprint for addresses: pages may be kept for ever, since a changed file has another address."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def build_into(folder: Path) -> None:
    """Write every asset into this (empty) folder, and manifest.json: name → fingerprint."""
    shutil.copy2(GOVUK / "govuk-frontend.min.js", folder)
    for name in ("favicon.svg", *OWN_SCRIPTS):
        shutil.copy2(SOURCES / name, folder)
    run(
        "node",
        MODULES / "sass" / "sass.js",
        "--style=compressed",
        "--no-source-map",
        "--no-charset",  # pages are UTF-8 and style sheets inherit that; a byte order mark would land after the licence
        f"--load-path={MODULES}",
        SOURCES / "app.scss",
        folder / "app.css",
    )
    version = json.loads((MODULES / "govuk-frontend" / "package.json").read_text())["version"]
    licence = GOVUK_LICENCE.format(version=version)
    for name in ("app.css", "govuk-frontend.min.js"):
        path = folder / name
        path.write_text(licence + path.read_text(encoding="utf-8"), encoding="utf-8")
    script = (SOURCES / "app.js").read_text(encoding="utf-8")
    module = "./govuk-frontend.min.js"
    if module not in script:
        sys.exit(f"app.js no longer imports {module}; its fingerprint cannot be added")
    versioned = script.replace(module, f"{module}?v={short(folder / 'govuk-frontend.min.js')}")
    (folder / "app.js").write_text(versioned, encoding="utf-8")
    manifest = {path.name: short(path) for path in sorted(folder.iterdir())}
    (folder / "fonts").mkdir()
    for family, name in FAMILIES.items():
        for face in FACES:
            shutil.copy2(FONTS / family / face / f"{name}_{face}.ttf", folder / "fonts")
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def main() -> None:
    """Build when anything changed; the finished folder takes the old one's place in one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--force", action="store_true", help="build even if nothing changed")
    force = parser.parse_args().force
    install_packages()
    inputs = [*PACKAGES, Path(__file__).resolve(), *(p for p in SOURCES.rglob("*") if p.is_file())]
    wanted = digest(inputs)
    if stamped(BUILD / ".stamp", wanted) and not force:
        return
    print("Building assets …", flush=True)
    fresh, old = BUILD.with_name("build.new"), BUILD.with_name("build.old")
    for folder in (fresh, old):
        shutil.rmtree(folder, ignore_errors=True)
    fresh.mkdir(parents=True)
    build_into(fresh)
    (fresh / ".stamp").write_text(wanted)
    if BUILD.exists():
        BUILD.rename(old)
    fresh.rename(BUILD)
    shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    main()
