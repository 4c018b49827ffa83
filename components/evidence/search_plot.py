"""The picture of a search: how each trial came out, the best so far, and which fields made the difference."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from components.evidence.legends import legend_above

__label__ = None


def plot_search(trials: pd.DataFrame, importances: Mapping[str, float], *, title: str) -> Figure:
    """Validation losses by trial with the least so far, beside the importance of each field.

    Args:
        trials: a row a trial, in order: `loss` (NaN of a failed one) and `pruned`.
        importances: share of the losses' differences that each field explains; may be empty.
        title: of the picture.
    """
    figure = Figure(figsize=(9.0, 4.0), layout="constrained")
    history, shares = figure.subplots(1, 2, width_ratios=(2, 1))
    number = np.arange(1, len(trials) + 1)
    loss, pruned = trials["loss"].to_numpy(dtype=float), trials["pruned"].to_numpy(dtype=bool)
    whole = np.where(pruned, np.nan, loss)
    history.plot(number[~pruned], loss[~pruned], "o", color="black", markersize=5, label="trained to its end")
    if pruned.any():
        history.plot(number[pruned], loss[pruned], "x", color="0.45", markersize=6, label="pruned")
    history.step(number, np.fmin.accumulate(whole), where="post", color="0.2", linewidth=1, label="least so far")
    for failed in number[np.isnan(loss)]:
        history.axvline(failed, color="0.8", linewidth=4, zorder=0)
    history.set_xlim(0.5, len(trials) + 0.5)
    history.xaxis.get_major_locator().set_params(integer=True)
    history.set_xlabel("trial (grey: failed)" if np.isnan(loss).any() else "trial")
    history.set_ylabel("validation loss")
    legend_above(history, columns=3)
    names = list(importances)[::-1]
    shares.barh(names, [importances[name] for name in names], color="0.5", edgecolor="black", hatch="//")
    shares.set_xlim(0, 1)
    shares.set_xlabel("share of the differences" if names else "too few trials to say what matters")
    shares.set_title("importance", fontsize=10)
    figure.suptitle(title, fontsize=11)
    return figure
