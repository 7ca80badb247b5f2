"""The peer's side of a job: loads its data, says so, and runs once for every line on its standard input.

A job may keep `seconds`, where the peer times itself, and `figures`: names and numbers that are reported beside the time.

Usage: worker.py JOB PEER DATA-DIRECTORY
"""

import importlib
import json
import math
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def status(key):
    for line in open("/proc/self/status"):
        if line.startswith(key + ":"):
            return float(line.split()[1]) / 1024
    return None


def answer(value):
    print(json.dumps(value), flush=True)


job = importlib.import_module(f"jobs.{sys.argv[1]}").PEERS[sys.argv[2]]()
answer(dict(ready=True, rows=job.load(Path(sys.argv[3])), version=job.version))
for line in sys.stdin:
    if line.strip() == "run":
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
        resident = status("VmRSS")
        job.output = None
        clock = time.perf_counter()
        job.output = job.run()
        seconds = time.perf_counter() - clock
        seconds = getattr(job, "seconds", seconds)
        answer(dict(seconds=seconds, figures=getattr(job, "figures", {}), peak_mb=max(status("VmHWM") - resident, 0.0)))
    elif line.strip() == "outcome":
        digest, quality = job.outcome()
        answer(dict(digest={k: float(v) for k, v in digest.items() if not math.isnan(v)}, quality=quality))
    else:
        break
