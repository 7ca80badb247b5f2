"""What `compare` and `quality` need: the virtual environment, the input files, and mlsys's side."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET_DIRECTORY = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
WORK = TARGET_DIRECTORY / "peers"


def prepare():
    """Python of the virtual environment, the directory of the input files, and the program."""
    WORK.mkdir(parents=True, exist_ok=True)
    python = WORK / "venv" / "bin" / "python"
    wanted = (HERE / "requirements.txt").read_text()
    stamp = WORK / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", WORK / "venv"], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
        stamp.write_text(wanted)
    data = WORK / "data"
    stamp, wanted = WORK / "data.py", (HERE / "data.py").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        source = ROOT / "examples" / "data" / "flights_weather.parquet"
        subprocess.run([python, HERE / "data.py", source, data], check=True)
        stamp.write_text(wanted)
    subprocess.run(["cargo", "build", "--release", "-q", "-p", "mlsys-benches"], cwd=ROOT, check=True)
    return python, data, TARGET_DIRECTORY / "release" / "mlsys-benches"
