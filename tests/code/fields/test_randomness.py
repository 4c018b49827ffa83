"""Random numbers of single rows: what each is drawn from, whatever its company."""

from functools import partial

import numpy as np
import torch

from components.fields.randomness import binomial, poisson, row_seeds

ROWS = np.arange(64)


def test_poisson_numbers_have_mean_and_variance_of_their_means() -> None:
    mean = torch.tensor([0.0, 0.3, 5.0, 400.0]).expand(64, 500, 4)
    drawn = poisson(row_seeds([1], ROWS), mean, stream=0).flatten(0, 1)
    assert bool((drawn == drawn.round()).all())
    assert bool((drawn[:, 0] == 0).all())
    torch.testing.assert_close(drawn.mean(dim=0), mean[0, 0], rtol=0.03, atol=1e-6)
    torch.testing.assert_close(drawn.var(dim=0)[1:], mean[0, 0, 1:], rtol=0.04, atol=1e-6)


def test_what_is_left_of_counts_is_a_share_of_them() -> None:
    count = torch.tensor([0.0, 3.0, 100.0]).expand(64, 500, 3)
    left = binomial(row_seeds([1], ROWS), count, 0.3, stream=0).flatten(0, 1)
    assert bool((left <= count[0, 0]).all())
    torch.testing.assert_close(left.mean(dim=0), 0.3 * count[0, 0], rtol=0.02, atol=1e-6)
    torch.testing.assert_close(left.var(dim=0)[1:], 0.21 * count[0, 0, 1:], rtol=0.04, atol=1e-6)


def test_a_row_is_drawn_by_its_own_seed_whatever_its_company() -> None:
    mean = torch.full((64, 10), 7.0)
    for draw in (partial(poisson, stream=1), partial(binomial, share=0.5, stream=1)):
        together = draw(row_seeds([1], ROWS), mean)
        turned = draw(row_seeds([1], ROWS[::-1]), mean)
        assert torch.equal(together, turned.flip(0))
        assert torch.equal(draw(row_seeds([1], ROWS[5:6]), mean[:1]), together[5:6])
        assert not torch.equal(draw(row_seeds([2], ROWS), mean), together)
        assert torch.equal(mean, torch.full((64, 10), 7.0)), "the means were drawn over"
