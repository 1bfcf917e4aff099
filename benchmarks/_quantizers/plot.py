"""Pictures of the front: held-out error against speed, a panel for each number of bits."""

import itertools
import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

Result = dict[str, Any]

Point = tuple[float, float]
RADII = (7, 14, 22, 32, 44, 58, 74, 92)  # points from a mark to its name
ANGLES = [math.radians(a) for a in (0, 180, 90, 270, 30, 330, 150, 210, 60, 300, 120, 240)]

# Okabe and Ito's colours, which the colour-blind tell apart; the markers say the same once more.
FAMILIES = {
    "ours": ("#0072B2", "o"),
    "faiss RQ": ("#D55E00", "s"),
    "faiss LSQ": ("#E69F00", "D"),
    "faiss PQ": ("#CC79A7", "^"),
    "k-means": ("#009E73", "v"),
    "RQ-VAE": ("#000000", "P"),
}


def plot(results: list[Result], folder: Path) -> None:
    """Write ``front_SET.svg`` into a folder for every set."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "front", "svg.fonttype": "none", "font.size": 9})
    folder.mkdir(parents=True, exist_ok=True)
    for name in dict.fromkeys(result["set"] for result in results):
        of_set = [result for result in results if result["set"] == name]
        bits = sorted({result["bits"] for result in of_set})
        figure, axes = plt.subplots(
            len(bits), 1, figsize=(9, 5 * len(bits)), layout="constrained", squeeze=False
        )
        for axis, number in zip(axes[:, 0], bits, strict=True):
            panel(axis, [result for result in of_set if result["bits"] == number])
            axis.set_title(f"{name}, {number} bits", loc="left", fontweight="bold")
        axes[-1, 0].set_xlabel("thousand vectors per CPU second, one thread (right is faster)")
        figure.savefig(folder / f"front_{name}.svg", metadata={"Date": None})
        plt.close(figure)


def panel(axis: Axes, results: list[Result]) -> None:
    shown = [r for r in results if "held_out" in r and "thousand_per_cpu_s" in r]
    for family, (colour, marker) in FAMILIES.items():
        points = sorted(
            (r["thousand_per_cpu_s"], r["held_out"]) for r in shown if r["family"] == family
        )
        if points:
            axis.plot(*zip(*points, strict=True), marker, color=colour, label=family, markersize=6)
    for result in results:
        if result["arm"] == "Gaussian rate-distortion bound":
            axis.axhline(result["held_out"], color="grey", linestyle=":", label=result["arm"])
        elif result["family"] == "limit":
            axis.axvline(result["thousand_per_cpu_s"], color="grey", linewidth=0.8, linestyle="--")
            axis.annotate(
                result["arm"],
                (result["thousand_per_cpu_s"], 0.99),
                xycoords=("data", "axes fraction"),
                rotation=90,
                va="top",
                ha="right",
                fontsize=7,
                color="grey",
            )
    axis.set_xscale("log")
    axis.set_ylabel("relative error, held out\n(down is better)")
    axis.grid(alpha=0.25, which="both")
    axis.legend(fontsize=7, loc="upper left")
    axis.margins(x=0.12, y=0.1)
    label(axis, shown)


def label(axis: Axes, results: list[Result]) -> None:
    """Name every point, as near to it as no other point or name is."""
    axis.figure.canvas.draw()
    points = [(r["thousand_per_cpu_s"], r["held_out"]) for r in results]
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in axis.transData.transform(points)]
    inside = axis.get_window_extent()
    for result, point in zip(results, points, strict=True):
        for radius, angle in itertools.product(RADII, ANGLES):
            offset = radius * math.cos(angle), radius * math.sin(angle)
            text = name_at(axis, result, point, offset)
            box = text.get_window_extent()
            free = not any(box.overlaps(other) for other in taken)
            if free and all(map(inside.contains, *box.corners()[[0, 3]].T)):
                break
            text.remove()
        else:
            continue  # no room: the table has it
        taken.append(box)
        if radius > RADII[0]:
            line = {"arrowstyle": "-", "lw": 0.4, "color": "grey", "shrinkA": 0, "shrinkB": 0}
            text.remove()
            name_at(axis, result, point, offset, arrowprops=line)


def name_at(axis: Axes, result: Result, point: Point, offset: Point, **options: Any) -> Annotation:
    side = "left" if offset[0] > 1 else "right" if offset[0] < -1 else "center"
    return axis.annotate(
        result["arm"].removeprefix("faiss "),
        point,
        xytext=offset,
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=7,
        color=FAMILIES[result["family"]][0],
        **options,
    )
