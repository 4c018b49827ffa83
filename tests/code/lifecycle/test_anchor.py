"""The anchor: versions that are each a little worse than the one before do not add up, whatever production holds."""

from pathlib import Path

import numpy as np
import pytest

from components.core.gate_settings import GateSettings
from components.core.params import load_settings
from components.evidence.confirmation import Confirmed, comparison_seed
from components.fields.evaluation import Loss
from components.gates.comparison import Against
from components.gates.results import GateResult, Verdict
from components.gates.rules import judge_challenger
from components.ledger.ledger import Ledger
from components.lifecycle.anchor import best_ever
from components.problems.galaxy_shape.problem import GalaxyShape
from tests.code.ledger.ledgers import FACTS
from tests.conftest import HOUSE


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.create()
    return ledger


@pytest.fixture(scope="module")
def shipped() -> GateSettings:
    return load_settings(HOUSE / "params.yaml", "galaxy-shape", GalaxyShape.settings).gates


def compared(against: Against, ours: float, theirs: float, gates: GateSettings, seed: int) -> GateResult:
    """Two models on fresh images whose mean losses are these, but for a scatter of 10 % from image to image."""
    rng, count = np.random.default_rng(seed), gates.fresh_images
    shared = np.abs(rng.standard_normal(count))
    champion, challenger = (
        Confirmed(
            losses=(Loss(name="flux", values=level * shared * (1 + 0.07 * rng.standard_normal(count))),),
            slices=np.where(np.arange(count) % 2, "faint", "bright"),
            digest="",
            images={},
        )
        for level in (theirs, ours)
    )
    return judge_challenger(champion, challenger, against, gates, resamplings=100, seed=seed)


def put(ledger: Ledger, version: int, *results: GateResult, action: str = "promote") -> None:
    found = {"gates": [result.as_json() for result in results]}
    holder = ledger.holder("galaxy-shape", "production")
    facts = FACTS | {"evidence": found, "action": action, "weights_sha256": f"w{version}"}
    ledger.move("galaxy-shape", version, "production", expect=holder, **facts)


def test_forty_challengers_that_are_each_half_a_per_cent_worse_lose_no_more_than_the_margin_of_all_time(
    ledger: Ledger, shipped: GateSettings
) -> None:
    put(ledger, 1)
    level, promoted, champion = {1: 1.0}, 0, 1
    for version in range(2, 42):
        best = best_ever(ledger.history("galaxy-shape"))
        assert best == 1
        ours = level[champion] * 1.005
        against = [Against(who="champion", version=champion)]
        against += [Against(who="best", version=best)] if best != champion else []
        results = [compared(other, ours, level[other.version], shipped, 100 + version) for other in against]
        if all(result.verdict is Verdict.PASS for result in results):
            put(ledger, version, *results)
            level[version], champion, promoted = ours, version, promoted + 1
    assert 1 <= promoted < 6
    assert level[champion] <= 1 + shipped.over_best.margin
    # Without the anchor all of them, or nearly all, get through.
    alone = [compared(Against(who="champion", version=1), 1.005, 1, shipped, seed).verdict for seed in range(20)]
    assert alone.count(Verdict.PASS) > 10


def test_the_best_is_who_was_found_better_than_the_best_before(ledger: Ledger, shipped: GateSettings) -> None:
    put(ledger, 1)
    put(ledger, 2, compared(Against(who="champion", version=1), 0.9, 1, shipped, 1))
    assert best_ever(ledger.history("galaxy-shape")) == 2
    put(ledger, 3, compared(Against(who="champion", version=2), 0.905, 0.9, shipped, 2))
    put(ledger, 4, compared(Against(who="champion", version=3), 0.8, 0.905, shipped, 3),
        compared(Against(who="best", version=2), 0.899, 0.9, shipped, 3))  # fmt: skip
    assert best_ever(ledger.history("galaxy-shape")) == 2  # better than production is not better than the best
    put(ledger, 5, compared(Against(who="champion", version=4), 0.7, 0.8, shipped, 4),
        compared(Against(who="best", version=2), 0.7, 0.9, shipped, 4))  # fmt: skip
    assert best_ever(ledger.history("galaxy-shape")) == 5
    assert best_ever(ledger.history("galaxy-shape"), {1, 3, 4}) == 1  # of those that there still are


def test_who_was_rolled_back_from_or_archived_by_somebody_is_no_anchor(ledger: Ledger, shipped: GateSettings) -> None:
    assert best_ever([]) is None
    put(ledger, 1)
    put(ledger, 2, compared(Against(who="champion", version=1), 0.9, 1, shipped, 1))
    put(ledger, 1, action="rollback")
    assert best_ever(ledger.history("galaxy-shape")) == 1
    put(ledger, 2, compared(Against(who="champion", version=1), 0.9, 1, shipped, 1))
    assert best_ever(ledger.history("galaxy-shape")) == 2  # promoted again since
    put(ledger, 3)
    ledger.move("galaxy-shape", 2, "archived", expect=None, **FACTS | {"action": "archive", "weights_sha256": "w2"})
    assert best_ever(ledger.history("galaxy-shape")) == 1


def test_the_images_of_a_comparison_follow_from_who_is_compared() -> None:
    assert comparison_seed(["a", "b"]) == comparison_seed(["b", "a"]) != comparison_seed(["a", "c"])
