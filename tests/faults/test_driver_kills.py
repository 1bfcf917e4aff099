"""The driver dies at a write, is run again, and the tables hold what one clean run gives."""

import pytest
from world import World

pytestmark = [pytest.mark.spark, pytest.mark.every_fault]


@pytest.mark.parametrize(
    "job", ["fit_codebook", "quantize_items", "build_sequences", "compact_sequences"]
)
def test_a_job_killed_at_a_write_and_run_again_is_as_one_clean_run(world: World, job: str) -> None:
    world.ready(job)
    n_writes = world.submit.writes(job, *world.overrides(job))
    world.check(job)
    # what stands before a write is what stands after the one before it
    for point in ("before:1", *(f"after:{number}" for number in range(1, n_writes + 1))):
        world.ready(job)
        world.submit.kill_at(point, job, *world.overrides(job))
        finished = world.run_here(job)
        assert finished.code == 0, (point, finished.said)
        world.check(job)
