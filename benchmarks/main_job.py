"""The newcomer's run: wall time of `make run` in a fresh clone, of a second one, and the largest process.

python -m benchmarks main_job
"""

import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psutil

HOUSE = Path(__file__).parents[1]
_SAMPLE_S = 0.25


def main() -> None:
    """Clone the committed state into an empty folder, run the main job twice there, and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        clone, home = Path(folder) / "clone", Path(folder) / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(HOUSE), str(clone)], check=True)
        for name in ("first make run", "second make run"):
            seconds, peak = _measure(["make", "run"], clone, home)
            print(f"{name}: {seconds:.0f} s, largest process {peak / 1e9:.2f} GB", flush=True)
        status = subprocess.run(
            ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
        ).stdout
        print(f"git status: {status.strip() or 'clean'}")
        print(f"written to the user's home: {[str(path) for path in home.rglob('*')][:5] or 'nothing'}")


def _measure(command: list[str], folder: Path, home: Path) -> tuple[float, int]:
    """Wall time in seconds and the largest resident memory of any process in bytes."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY")}
    start = time.monotonic()
    child = subprocess.Popen(command, cwd=folder, env=environment | {"HOME": str(home)})
    peaks = [0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_SAMPLE_S):
            for process in psutil.process_iter(["cwd", "memory_info", "cmdline"]):
                command_line = " ".join(process.info["cmdline"] or [])
                inside = str(folder) in command_line or str(process.info["cwd"]).startswith(str(folder))
                if inside and process.info["memory_info"] is not None:
                    peaks[0] = max(peaks[0], process.info["memory_info"].rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = child.wait()
    ended.set()
    watcher.join()
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    return time.monotonic() - start, peaks[0]


if __name__ == "__main__":
    main()
