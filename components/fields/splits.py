"""How a dataset's rows are shared out: over shards, and over the splits."""

from components.core import SimulationSettings

__label__ = "splits"


def shard_count(settings: SimulationSettings) -> int:
    """Number of shards in the dataset."""
    return -(-settings.count // settings.shard_size)


def shard_rows(settings: SimulationSettings, shard: int) -> range:
    """Numbers of the catalogue rows in a shard."""
    return range(shard * settings.shard_size, min((shard + 1) * settings.shard_size, settings.count))


def split_of(settings: SimulationSettings, row: int) -> str:
    """The split of a row: images are independent draws, so the first ones test, the next ones validate."""
    test = round(settings.count * settings.test_fraction)
    if row < test:
        return "test"
    return "validation" if row < test + round(settings.count * settings.validation_fraction) else "train"
