"""The driver dies at a write, is run again, and the tables hold what one clean run gives."""

import pytest
from world import World

pytestmark = pytest.mark.spark


def kill_points(n_writes: int, every: bool) -> list[str]:
    """Name the points to kill at: around each write, or around the one in the middle."""
    chosen = range(1, n_writes + 1) if every else [(n_writes + 1) // 2]
    return [f"{when}:{number}" for number in chosen for when in ("before", "after")]


def test_quantize_items_killed_at_any_write_and_run_again_is_as_one_clean_run(
    world: World, request: pytest.FixtureRequest
) -> None:
    job = "quantize_items"
    n_writes = world.submit.writes(job, *world.overrides(job))
    world.check(job)
    for point in kill_points(n_writes, request.config.getoption("every_kill_point")):
        world.reset()
        world.submit.kill_at(point, job, *world.overrides(job))
        finished = world.run(job)
        assert finished.code == 0, finished.said
        world.check(job)
