"""The whole answer, against the commit before the search was compiled: how fast, how alike; and its laws, in figures.

python -m benchmarks answer      # after `make run`, whose model answers
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import answer_laws
from benchmarks._answering import COUNT, HOUSE, newest_model, noisy, prior_images
from components.simulators.sersic import FLUX_UNIT, PARAMETERS
from models.galaxies import Camera, render_rows

_REALISATIONS = 2000
_STEPS_BEFORE = 3
"""What the validation images were found to need, when steps were counted."""
_ANSWER = """
import json, sys, time
import numpy as np, torch
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from models.estimators import load_model
model, _ = load_model(Path(sys.argv[2]))
inputs = {name: torch.from_numpy(array) for name, array in np.load(sys.argv[3]).items()}
def some(first, count):
    return {name: array[first : first + count] for name, array in inputs.items()}
with torch.inference_mode():
    found = [model.measured(some(first, 64)) for first in range(0, len(inputs["sigma"]), 64)]
    np.savez(sys.argv[4], **{name: torch.cat([one[name] for one in found]).numpy() for name in found[0]})
    for count, repeats in ((64, 30), (1, 100)):
        taken = []
        for repeat in range(repeats):
            batch = some(repeat * count % 960, count)
            start = time.perf_counter()
            model(batch)
            taken.append(time.perf_counter() - start)
        print(json.dumps([count, float(np.median(taken)) / count]))
"""


def main() -> None:
    """Print each figure beside what it was, or what it has to be."""
    folder, _ = newest_model()
    prior = prior_images()
    print(f"model {folder.name}, {torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as scratch:
        _against_before(folder, prior, Path(scratch))
    answer_laws.main()


def _against_before(folder: Path, prior: Mapping[str, Tensor], scratch: Path) -> None:
    """Both commits on the same images, in turns."""
    added = ["git", "log", "--diff-filter=A", "--format=%H", "--", "models/galaxies/fitting/search.c"]
    commit = _git(*added[1:]).split()[-1] + "^"
    before = scratch / "before"
    _git("worktree", "add", "--detach", str(before), commit)
    try:
        old = scratch / "model"
        old.mkdir()
        description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        description["estimator"]["scoring_steps"] = _STEPS_BEFORE
        (old / "model.json").write_text(json.dumps(description), encoding="utf-8")
        (old / "weights.safetensors").write_bytes((folder / "weights.safetensors").read_bytes())
        inputs, places = _asked(prior), {}
        arrays: dict[str, Any] = {name: array.numpy() for name, array in inputs.items()}
        np.savez(scratch / "images.npz", **arrays)
        times: dict[tuple[str, int], list[float]] = {}
        for _ in range(3):
            for name, tree, model in (("before", before, old), ("now", HOUSE, folder)):
                places[name] = scratch / f"{name}.npz"
                command = [
                    sys.executable,
                    "-c",
                    _ANSWER,
                    *map(str, (tree, model, scratch / "images.npz", places[name])),
                ]
                done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=scratch)
                for line in done.stdout.splitlines():
                    count, taken = json.loads(line)
                    times.setdefault((name, count), []).append(taken)
        for count in (64, 1):
            was, now = (1e3 * float(np.median(times[name, count])) for name in ("before", "now"))
            print(f"{count} at a time: {was:.2f} ms an image before, {now:.2f} now: {was / now:.2f} times as fast")
        _compare({name: dict(np.load(place)) for name, place in places.items()}, prior)
    finally:
        _git("worktree", "remove", "--force", str(before))


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=HOUSE, check=True, capture_output=True, text=True)
    return done.stdout


def _asked(prior: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The prior's images, then the benchmark galaxy at SNR 60 and 30."""
    galaxy = torch.tensor([[FLUX_UNIT, 3.0, 0.3, -0.069, 0.15]])
    half = torch.full((_REALISATIONS,), 0.5)
    clean = render_rows(galaxy, half[:1], Camera()).expand(_REALISATIONS, -1, -1)
    parts = [prior, *(noisy(clean, torch.full_like(half, sigma), half, seed=int(sigma)) for sigma in (200.0, 400.0))]
    return {name: torch.cat([part[name] for part in parts]) for name in ("image", "sigma", "psf_fwhm")}


def _compare(answers: Mapping[str, Mapping[str, Any]], prior: Mapping[str, Tensor]) -> None:
    """What changed of the values, in stated errors, and of the benchmark table and coverage."""
    benchmark = np.array([1.0, 3.0, 0.3, -0.069, 0.15])
    truth = prior["truth"].numpy() / np.array([FLUX_UNIT, 1, 1, 1, 1])
    ends = (0, COUNT, COUNT + _REALISATIONS, COUNT + 2 * _REALISATIONS)
    for place, name in enumerate(("the prior", "SNR 60", "SNR 30")):
        rows = slice(ends[place], ends[place + 1])
        true = truth if place == 0 else benchmark
        said = {}
        for when, found in answers.items():
            # Before answers had names, the scored value was the only one.
            begin = "likelihood_" if f"likelihood_{PARAMETERS[0]}" in found else ""
            value, error = (
                np.stack([found[f"{begin}{one}{of}"][rows] for one in PARAMETERS], 1) for of in ("", "_error")
            )
            said[when] = value, error, value - true, np.abs(value - true) <= error
        apart = np.abs(said["now"][0] - said["before"][0]) / said["before"][1]
        print(
            f"{name}: values moved by {np.median(apart):.1e} errors (median), {(apart > 1e-3).mean():.3f} by over 1e-3"
        )
        for when, (_, error, miss, held) in said.items():
            pull = miss / error.mean(axis=0)
            print(
                f"  {when:>6}: bias {_row(pull.mean(0))}, RMSE {_row(np.sqrt((pull**2).mean(0)))} stated errors; "
                f"± the stated error holds {_row(100 * held.mean(0), 1)} %"
            )


def _row(values: Any, digits: int = 3) -> str:
    return " ".join(f"{value:.{digits}f}" for value in values)


if __name__ == "__main__":
    main()
