"""A torch dataset over a pinned version of a ``sequences`` table."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pyarrow import fs

from semantic_ids.trainers.arguments import Values, check_values
from semantic_ids.trainers.batch import SequenceBatch
from semantic_ids.trainers.decode import Decoder, Piece, rebatch
from semantic_ids.trainers.sharded import ShardedDataset, check_shares
from semantic_ids.trainers.snapshot import DateRange, open_snapshot
from semantic_ids.trainers.units import choose_codebook, find_width, list_units


class SequenceDataset(ShardedDataset[SequenceBatch]):
    """Segments of users' sequences in batches, read from Delta without Spark.

    Give it to a ``DataLoader`` with ``batch_size=None``: the batches are made here. Row groups of
    files are dealt to ranks and, within a rank, to DataLoader workers, so that each segment is read
    once per epoch. The order depends on the table version, `shuffle_seed`, the epoch, `rank`,
    `world_size`, `batch_size` and the number of workers, and on nothing else.

    Parameters
    ----------
    path : str or Path
        Path or URI of the table.
    batch_size : int
        Segments per batch. The last batch of each worker may have fewer.
    version : int, optional
        Version of the table to read. Default: the latest, looked up once, here.
    codebook_id : str, optional
        Read only segments of this codebook. Needed where the table has several.
    columns : sequence of str, optional
        Packed columns to read besides the SIDs: ``timestamps`` and the table's event columns.
        Default: all.
    values : {"sids", "bytes"}
        Whether ``batch.values`` are int64 SIDs or their uint8 bytes, which are read without a copy.
    ds : pair of dates, optional
        First and last partition to read, as dates or ISO strings.
    rank, world_size : int
        Which share of the table this process reads, and of how many.
    shuffle_seed : int, optional
        Shuffle the files, differently in each epoch. Default: files in the order of their names.
    storage_options : dict, optional
        For deltalake, which reads the log.
    filesystem : pyarrow.fs.FileSystem, optional
        For pyarrow, which reads the files. Default: by the scheme of `path`.

    Attributes
    ----------
    version : int
    codebook_id : str or None
        None only where there is no segment to read.
    width : int or None
        Bytes of a SID. None only where there is no event to read.

    Raises
    ------
    TableError
        If the table, the version, a column or the codebook does not exist, if the table has
        deletion vectors or column mapping, if it has several codebooks and none was chosen, or if
        a codebook_id is null.
    InputError
        If an argument is out of its range; while reading, if a segment's blobs differ in length.

    Examples
    --------
    >>> dataset = SequenceDataset("tables/sequences", 256, shuffle_seed=0)       # doctest: +SKIP
    >>> for batch in DataLoader(dataset, batch_size=None, num_workers=4):        # doctest: +SKIP
    ...     vectors = embedding(batch.values)
    """

    def __init__(
        self,
        path: str | Path,
        batch_size: int,
        *,
        version: int | None = None,
        codebook_id: str | None = None,
        columns: Sequence[str] | None = None,
        values: Values = "sids",
        ds: DateRange | None = None,
        rank: int = 0,
        world_size: int = 1,
        shuffle_seed: int | None = None,
        storage_options: dict[str, str] | None = None,
        filesystem: fs.FileSystem | None = None,
    ) -> None:
        check_values(values)
        check_shares(batch_size, rank=rank, world_size=world_size)
        path = str(path)
        snapshot = open_snapshot(path, version=version, ds=ds, storage_options=storage_options)
        packed = snapshot.choose(columns)
        read = ["user_id", "n_events", "sids", *packed]
        units = list_units(snapshot.files, read, filesystem)
        self._table_id = snapshot.table_id
        self.version = snapshot.version
        self.codebook_id = choose_codebook({u.codebook_id for u in units}, codebook_id, path)
        super().__init__(
            [unit for unit in units if unit.codebook_id == self.codebook_id],
            read,
            batch_size=batch_size,
            rank=rank,
            world_size=world_size,
            shuffle_seed=shuffle_seed,
            filesystem=filesystem,
        )
        self.width = find_width(self._units, filesystem)
        self._ds = None if ds is None else [str(date) for date in ds]
        dtypes = {name: snapshot.packed[name] for name in packed}
        self._decode = Decoder(self.width or 1, values, dtypes)

    def _batches(self, pieces: Iterator[Piece]) -> Iterator[SequenceBatch]:
        return map(self._decode, rebatch(pieces, self.batch_size))

    def _identity(self) -> dict[str, Any]:
        return {
            "table_id": self._table_id,
            "version": self.version,
            "codebook_id": self.codebook_id,
            "ds": self._ds,
        }
