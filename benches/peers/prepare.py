"""What `compare` and `quality` need: the virtual environments, the input files, and mlsys's side."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET_DIRECTORY = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
WORK = TARGET_DIRECTORY / "peers"


def environment(name=None):
    """Python of a virtual environment, made if it is missing or other packages are wanted now. Those with a name are for jobs whose peers need
    older packages than the rest have."""
    WORK.mkdir(parents=True, exist_ok=True)
    place, listed = WORK / (name or "venv"), f"requirements-{name}.txt" if name else "requirements.txt"
    python, stamp, wanted = place / "bin" / "python", WORK / listed, (HERE / listed).read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / listed], check=True)
        stamp.write_text(wanted)
    return python


def prepare():
    """Python of the virtual environment, the directory of the input files, and the program."""
    python = environment()
    data = WORK / "data"
    stamp, wanted = WORK / "data.py", (HERE / "data.py").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        source = ROOT / "examples" / "data" / "flights_weather.parquet"
        subprocess.run([python, HERE / "data.py", source, data], check=True)
        stamp.write_text(wanted)
    subprocess.run(["cargo", "build", "--release", "-q", "-p", "mlsys-benches"], cwd=ROOT, check=True)
    return python, data, TARGET_DIRECTORY / "release" / "mlsys-benches"
