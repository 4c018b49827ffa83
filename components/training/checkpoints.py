"""Checkpoints of a training: one an epoch, found whole after a kill.

history = load_checkpoint(trainer, folder)
save_checkpoint(trainer, history, folder)
"""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from components.training.trainer import Trainer

__label__ = "checkpoints"


def save_checkpoint(trainer: Trainer, history: list[dict[str, Any]], folder: Path) -> None:
    """Write the state after an epoch, and the history up to it; the one before is removed last."""
    folder.mkdir(parents=True, exist_ok=True)
    # One file name an epoch and one pointer to it, moved in one step: a kill leaves the last whole pair.
    name = f"epoch-{trainer.done:04d}.safetensors"
    save_file(trainer.state(), folder / name)
    partial = folder / ".latest.json"
    partial.write_text(json.dumps({"state": name, "done": trainer.done, "history": history}), encoding="utf-8")
    partial.replace(folder / "latest.json")
    for old in folder.glob("epoch-*.safetensors"):
        if old.name != name:
            old.unlink()


def load_checkpoint(trainer: Trainer, folder: Path) -> list[dict[str, Any]]:
    """Restore the last state, if there is one, and return its history."""
    try:
        latest = json.loads((folder / "latest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    trainer.restore(load_file(folder / latest["state"]), latest["done"])
    return list(latest["history"])
