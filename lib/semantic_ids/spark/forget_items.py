"""Items leave the tables of quantize_items, as its next run would find them, and their history."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from semantic_ids.spark.commits import Commit, label_rejects
from semantic_ids.spark.erasing import erase_history, history_sentence
from semantic_ids.spark.exchange import PLACE
from semantic_ids.spark.item_changes import count_reasons
from semantic_ids.spark.item_runs import in_order_at_times
from semantic_ids.spark.item_state import Moves, Result, Standing
from semantic_ids.spark.item_tables import ItemTables
from semantic_ids.spark.moves import few, held
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.quantize import Outputs
from semantic_ids.spark.runs import RunSummary
from semantic_ids.spark.scratch import Scratch
from semantic_ids.spark.versions import FullRunError

__all__ = ["ItemsToForget"]


@dataclass(frozen=True)
class ItemsToForget:
    """What a run of forget_items removes, and from where.

    Parameters
    ----------
    spark : SparkSession
    items : DataFrame
        item_id, in the type that the tables have.
    outputs : Outputs
    retention_hours : float
    """

    spark: SparkSession
    items: DataFrame
    outputs: Outputs
    retention_hours: float

    def run(self, run_id: str) -> RunSummary:
        """Remove the items from each codebook's rows, then erase the history.

        The commits are those of a run of quantize_items that found the items gone, at the version
        of the source that stands in the tables, so its next run goes on from there.

        Raises
        ------
        AnotherRunError
            If a run of quantize_items committed meanwhile.
        """
        outputs = [output for output in self.outputs.given() if output.exists(self.spark)]
        counts = {output.name: self._count(output) for output in outputs}
        are_ours = True
        with Scratch() as scratch:
            ids = scratch.keep(self.items)
            n_ids = ids.count()
            for codebook_id in self._codebooks(outputs):
                tables = ItemTables(self.spark, self.outputs, codebook_id, run_id)
                try:
                    standing = tables.standing()
                except FullRunError:  # the next run of quantize_items reads all rows anyway
                    are_ours = False
                else:
                    self._forget(tables, standing, few(ids, n_ids), scratch)
            for output in outputs:
                if not are_ours and self._count(output):
                    table, here = output.open_table(self.spark).alias("t"), ids.alias("i")
                    table.merge(here, "t.item_id = i.item_id").whenMatchedDelete().execute()
        n_erased = sum(
            erase_history(
                self.spark, output, self._newest(output), retention_hours=self.retention_hours
            )
            for output in outputs
        )
        went = ", ".join(f"{n:,} rows of {name}" for name, n in counts.items() if n)
        said = f"{went} removed" if went else "no row of theirs is there"
        return RunSummary(
            f"{said}; {history_sentence(n_erased, self.retention_hours)}",
            rows_rejected=counts.get("item_sids"),
            metrics=counts,
        )

    def _count(self, output: Output) -> int:
        ids = F.broadcast(self.items)
        return output.read(self.spark).join(ids, "item_id", "left_semi").count()

    def _codebooks(self, outputs: Sequence[Output]) -> list[str]:
        found = set()
        for output in outputs:
            rows = output.read(self.spark).select("codebook_id").distinct().collect()
            found |= {row["codebook_id"] for row in rows}
        return sorted(found)

    def _forget(
        self, tables: ItemTables, standing: Standing, ids: DataFrame, scratch: Scratch
    ) -> None:
        theirs = standing.sids.join(ids, "item_id").select(
            "item_id",
            F.col("sid").alias("old_sid"),
            F.lit(None).cast("bigint").alias("sid"),
            *PLACE,
        )
        n_sids = theirs.count()
        rejects = scratch.keep(standing.rejects.join(ids, "item_id", "left_anti"))
        n_rejects = standing.rejects.count() - rejects.count()
        if not n_sids and not n_rejects:
            tables.settle(standing)
            return
        result = Result(
            self._rows(standing, n_sids, n_rejects, rejects),
            "",
            rejects=rejects if n_rejects or not standing.in_step else None,
        )
        counts = {"inserted": 0, "replaced": 0, "removed": n_sids}
        moves = Moves(held(theirs, n_sids), counts, 0, n_rejects)
        result = in_order_at_times(result, moves, standing)
        tables.write(result, standing.commit.inputs, standing=standing, listing=None)

    def _rows(
        self, standing: Standing, n_sids: int, n_rejects: int, rejects: DataFrame
    ) -> dict[str, int]:
        """Count rows after it; SIDs of items that the source had lost go first.

        Where that is not so the books of the next run do not balance, and it reads all rows.
        """
        before = standing.commit.rows
        kept = max(0, before["kept"] - n_sids)
        n_out = n_sids - (before["kept"] - kept)
        rows = {
            "in": before["in"] - n_out - n_rejects,
            "out": before["out"] - n_out,
            "kept": kept,
            "moved": before["moved"],
        }
        return rows | label_rejects(count_reasons(rejects))

    def _newest(self, output: Output) -> list[Commit]:
        newest: dict[str, Commit] = {}
        for commit in output.commits(self.spark):
            newest.setdefault(commit.key, commit)
        return list(newest.values())
