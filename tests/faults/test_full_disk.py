"""The disk of the output is full in the middle of a write; after room is made, a run is clean."""

import shutil
import subprocess

import pytest
from world import World

pytestmark = [pytest.mark.spark, pytest.mark.every_fault]

SCRIPT = """
set -eu
work=$1 table=$2; shift 2
mount -t tmpfs -o size=64m none "$work"
cp -a "$table/." "$work"
mount --bind "$work" "$table"
free=$(df --output=avail -B1 "$table" | tail -1)
head -c $((free - 4096)) /dev/zero > "$table/_filler"
"$@" && echo "CODE 0" || echo "CODE $?"
rm "$table/_filler"
"$@" && echo "CODE 0" || echo "CODE $?"
cp -a "$table" "$table.after"
"""


@pytest.mark.parametrize(
    ("job", "table"),
    [
        ("build_sequences", "sequences"),
        ("quantize_items", "item_sids"),
        ("compact_sequences", "sequences"),
    ],
)
def test_a_full_disk_is_one_sentence_and_the_next_run_is_whole(
    world: World, job: str, table: str
) -> None:
    isolated = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*isolated, "true"], check=False, capture_output=True).returncode:
        pytest.skip("unshare: user namespaces are not allowed here, so no small disk can be made")
    world.ready(job)
    disk = world.folder / "disk"
    disk.mkdir(exist_ok=True)
    place = world.table(table)
    submit = world.submit.command(job, *world.overrides(job))
    said = subprocess.run(
        [*isolated, "bash", "-c", SCRIPT, "bash", str(disk), place, *submit],
        capture_output=True,
        text=True,
        check=True,
        cwd=world.folder,
    ).stdout
    first, second = said.split("CODE ")[1:]
    assert first.startswith("1")
    assert "no space left" in said.split("CODE ")[0]
    assert second.startswith("0"), said
    shutil.rmtree(place)
    shutil.move(f"{place}.after", place)
    world.check(job)
