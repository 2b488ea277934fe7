"""Measures bff side by side with other gateways, when the benchmark is there: `make bench`.

The harness is not part of this project. It is taken from `../shared/bench`, or from where BFF_BENCH says, copied
to `.build/bench` and set up there. Arguments are handed to it; by default bff stands beside the limits.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HARNESS = Path(os.environ.get("BFF_BENCH", ROOT.parent / "shared" / "bench"))
COPY = ROOT / ".build" / "bench"
DEFAULT = ["--quick", "-c", "bff,bff-unshared,limit-uvicorn,limit-handwritten", "--baseline", "limit-uvicorn"]


def main() -> int:
    """Copy, set up once, run."""
    if not (HARNESS / "run.py").exists():
        print(f"no benchmark at {HARNESS}: set BFF_BENCH to the folder of its run.py", file=sys.stderr)
        return 2
    shutil.copytree(HARNESS, COPY, dirs_exist_ok=True, ignore=shutil.ignore_patterns("results", "node_modules"))
    for path in [COPY, *COPY.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)
    if not (COPY / ".ready").exists():
        print("Setting up the benchmark and the peers; this takes some minutes once", flush=True)
        subprocess.run(["sh", "setup.sh"], cwd=COPY, check=True)
        (COPY / ".ready").touch()
    extra = ["--extra", str(ROOT / "tests" / "bench" / "bff.toml")]
    arguments = sys.argv[1:] or DEFAULT
    code = subprocess.run([sys.executable, "run.py", *extra, *arguments], cwd=COPY, check=False).returncode
    results = sorted((COPY / "results").glob("*.json"))
    if code == 0 and results and "--list" not in arguments:
        subprocess.run([sys.executable, ROOT / "tests" / "bench" / "picture.py", results[-1]], check=False)
    return code


if __name__ == "__main__":
    sys.exit(main())
