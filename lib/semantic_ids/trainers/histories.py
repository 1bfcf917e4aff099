"""Users' histories, whole or as they stood at a moment, by random access to a table."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, starmap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

from semantic_ids.trainers.arguments import (
    Moments,
    UserIds,
    Values,
    as_moments,
    as_user_ids,
    check_integer,
    check_values,
)
from semantic_ids.trainers.batch import SequenceBatch
from semantic_ids.trainers.lookup import (
    StoredFile,
    Users,
    files_by_bucket,
    files_of,
    users_by_bucket,
)
from semantic_ids.trainers.point_in_time import Demand, Segments, joined
from semantic_ids.trainers.random_access import SegmentReader
from semantic_ids.trainers.selection import Selection
from semantic_ids.trainers.snapshot import open_snapshot
from semantic_ids.trainers.units import Unit, choose_codebook, find_width, list_units, units_of

REMOTE_READS = 8
EARLIEST = np.iinfo(np.int64).min


class SequenceHistories:
    """Histories of given users at a pinned version of a ``sequences`` table.

    A user's segments are found by bucket, by the log's statistics of files and by the files'
    statistics of row groups, and merged in time order. Footers are kept, events are not: what a
    call holds is what its examples want, and one row group.

    Parameters
    ----------
    path : str or Path
        Path or URI of the table.
    version : int, optional
        Version of the table to read. Default: the latest, looked up once, here.
    codebook_id : str, optional
        Read only segments of this codebook. Needed where the table has several.
    columns : sequence of str, optional
        Packed columns to give besides the SIDs: ``timestamps`` and the table's event columns.
        Default: all.
    values : {"sids", "bytes"}
        Whether ``batch.values`` are int64 SIDs or their uint8 bytes.
    storage_options : dict, optional
        For deltalake, which reads the log.
    filesystem : pyarrow.fs.FileSystem, optional
        For pyarrow, which reads the files. Default: by the scheme of `path`.

    Attributes
    ----------
    table_id : str
        The table's id in its log.
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

    Examples
    --------
    >>> histories = SequenceHistories("tables/sequences")                        # doctest: +SKIP
    >>> histories.of([17, 4]).lengths                                            # doctest: +SKIP
    tensor([230,  12])
    >>> histories.of([17, 17], before=[june, july], newest=200).lengths          # doctest: +SKIP
    tensor([ 31, 200])
    """

    def __init__(
        self,
        path: str | Path,
        *,
        version: int | None = None,
        codebook_id: str | None = None,
        columns: Sequence[str] | None = None,
        values: Values = "sids",
        storage_options: dict[str, str] | None = None,
        filesystem: fs.FileSystem | None = None,
    ) -> None:
        check_values(values)
        snapshot = open_snapshot(str(path), version=version, storage_options=storage_options)
        names = snapshot.choose(columns)
        self.table_id = snapshot.table_id
        self.version = snapshot.version
        self.user_id = snapshot.user_id
        self._buckets = snapshot.buckets
        self._names, self._values = names, values
        self._dtypes = {n: dtype for n, dtype in snapshot.packed.items() if n != "timestamps"}
        files = files_of(snapshot)
        self.codebook_id = choose_codebook(_codebooks(files, filesystem), codebook_id, str(path))
        files = [file for file in files if file.codebook_id in (None, self.codebook_id)]
        self._files = files_by_bucket(files)
        self.width = find_width(_units(files, self.codebook_id, filesystem), filesystem)
        self._reader = SegmentReader(self.codebook_id, self.width or 1, filesystem)
        self._is_remote = any("://" in file.uri for file in files)

    def of(
        self, user_ids: UserIds, *, before: Moments | None = None, newest: int | None = None
    ) -> SequenceBatch:
        """Return the history of each user, or of each user as it stood before a moment.

        Parameters
        ----------
        user_ids : int64 of shape (n,), or n str
            As the table has them. Users may be repeated; those that the table does not know have
            no events.
        before : int64 of shape (n,), optional
            Microseconds since the epoch in UTC: only events of an earlier time are given, none of
            the same. Default: all events.
        newest : int, optional
            At most this many events of each, the newest of them. Default: all.

        Returns
        -------
        SequenceBatch
            Row i is example i's history in time order; events of equal time as docs/trainers.md
            says. Its position is None.

        Raises
        ------
        InputError, ShapeError
            If an argument is of another type or length, or a segment is damaged.
        TableError
            If a file is gone or damaged.
        """
        return self.select(user_ids, before=before, newest=newest).batch()

    def select(
        self, user_ids: UserIds, *, before: Moments | None = None, newest: int | None = None
    ) -> Selection:
        """Read what ``of`` returns, to be made into several batches; histories are held once."""
        ids = as_user_ids(user_ids, self.user_id)
        moments = None if before is None else as_moments(before, len(ids))
        if newest is not None:
            check_integer("newest", newest, least=1)
        known = ids.unique()
        users = Users(known.take(pc.array_sort_indices(known)), np.arange(len(known)))
        numbers = pc.index_in(ids, value_set=users.ids).to_numpy().astype(np.int64)
        demand = Demand(numbers, moments, newest, len(known))
        events = self._segments(users, demand).merged(demand.n_users)
        return Selection(ids, events, *events.ranges(demand), self._names, self._values)

    def _segments(self, users: Users, demand: Demand) -> Segments:
        """Read what is wanted of users' segments, and put those in order that tie in their keys."""
        dtypes = {name: dtype for name, dtype in self._dtypes.items() if name in self._names}
        parts = self._map(
            lambda file, near: [s.wanted(demand) for s in self._reader.read(file, near, dtypes)],
            self._candidates(users, demand),
        )
        segments = joined(parts, self.width or 1, dtypes)
        tied = segments.tied()
        if not len(tied):
            return segments
        parts = self._map(
            lambda file, near: list(self._reader.read(file, near, self._dtypes)),
            self._candidates(Users(users.ids.take(pa.array(tied)), tied), demand),
        )
        whole = joined(parts, self.width or 1, self._dtypes).in_order_of_bytes().wanted(demand)
        return joined([segments.without(tied), whole], self.width or 1, dtypes)

    def _candidates(self, users: Users, demand: Demand) -> Iterator[tuple[StoredFile, Users]]:
        """Yield the files that may have wanted events, with the users that each may have."""
        horizon = None if demand.before is None else demand.before.max(initial=EARLIEST)
        if self._buckets is None:
            pairs = ((file, users) for files in self._files.values() for file in files)
        else:
            pairs = (
                (file, own)
                for bucket, own in users_by_bucket(users, self._buckets)
                for file in self._files.get(bucket, ())
            )
        for file, own in pairs:
            if horizon is None or file.first_us is None or file.first_us < horizon:
                near = own.between(file.users)
                if len(near.ids):
                    yield file, near

    def _map(
        self,
        read: Callable[[StoredFile, Users], list[Segments]],
        candidates: Iterator[tuple[StoredFile, Users]],
    ) -> list[Segments]:
        """Read files, several at once where the time goes into waiting for a store."""
        if not self._is_remote:
            return list(chain.from_iterable(starmap(read, candidates)))
        with ThreadPoolExecutor(REMOTE_READS) as threads:
            return list(chain.from_iterable(threads.map(lambda pair: read(*pair), candidates)))


def _units(
    files: Iterable[StoredFile], codebook_id: str | None, filesystem: fs.FileSystem | None
) -> Iterator[Unit]:
    for file in files:
        columns = ["user_id", "n_events", "sids"]
        for unit in units_of(file.uri, columns, filesystem, n_rows=file.n_rows):
            if unit.codebook_id == codebook_id:
                yield unit


def _codebooks(files: Sequence[StoredFile], filesystem: fs.FileSystem | None) -> set[str]:
    """Return the codebooks of a table: as the log says or, where it does not, the footers."""
    unsaid = {file.uri: file.n_rows for file in files if file.codebook_id is None}
    units = list_units(unsaid, ["user_id"], filesystem)
    return {file.codebook_id for file in files if file.codebook_id} | {u.codebook_id for u in units}
