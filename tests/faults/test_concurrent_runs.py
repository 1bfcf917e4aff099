"""Two runs of one job start together: one wins, the other stops or has no effect."""

import pytest
from submit import finish
from world import World

pytestmark = [pytest.mark.spark, pytest.mark.every_fault]


@pytest.mark.parametrize("job", ["quantize_items", "build_sequences", "compact_sequences"])
def test_two_runs_at_once_write_what_one_writes(world: World, job: str) -> None:
    world.ready(job)
    processes = [world.submit.start(job, *world.overrides(job)) for _ in range(2)]
    ends = [finish(process) for process in processes]
    assert 0 in [end.code for end in ends], ends
    for end in ends:
        assert end.code == 0 or "another run" in end.sentence, end
    world.check(job)
