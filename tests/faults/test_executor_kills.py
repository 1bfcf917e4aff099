"""An executor dies by signal 9 in the middle of a job; the job goes on and loses nothing."""

import pytest
from submit import finish, kill_executor
from world import World

pytestmark = [pytest.mark.spark, pytest.mark.every_fault]

JOBS = ["fit_codebook", "quantize_items", "build_sequences", "compact_sequences"]


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.usefixtures("clean_work_folder")
def test_a_job_survives_the_death_of_an_executor(world: World, job: str) -> None:
    world.ready(job)
    process = world.submit.start(job, *world.overrides(job), SPARK_PROFILE="local-cluster")
    kill_executor(process)
    finished = finish(process)
    assert finished.code == 0, finished.said
    world.check(job)
