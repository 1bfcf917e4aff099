"""The reader's buckets are Spark's."""

import numpy as np
import pyarrow as pa
import pytest

from semantic_ids.trainers.lookup import Users, buckets_of, users_by_bucket

pytestmark = pytest.mark.torch

LONGS = [-(2**63), -(2**40), -1, 0, 1, 7, 2**32, 2**63 - 1]
TEXTS = ["", "a", "user 1", "a\0b", "é", "用户", "🜁" * 9, "x" * 31, "x" * 32, "x" * 33, "x" * 200]


def test_buckets_are_those_that_spark_once_gave():
    assert buckets_of(pa.array([0, -1]), 1000).tolist() == [188, 10]
    assert buckets_of(pa.array(["", "é"]), 1000).tolist() == [652, 100]
    assert buckets_of(pa.array([], pa.string()), 7).tolist() == []


@pytest.mark.spark
@pytest.mark.parametrize(("kind", "users"), [("bigint", LONGS), ("string", TEXTS)])
def test_buckets_equal_those_of_spark(spark, kind, users):
    rng = np.random.default_rng(0)
    more = rng.integers(-(2**63), 2**63 - 1, 500).tolist()
    users = users + (
        more if kind == "bigint" else [chr(0x4E00 + abs(n) % 9999) * (n % 40) for n in more]
    )
    rows = spark.createDataFrame([(user,) for user in users], f"user_id {kind}")
    for n_buckets in (1, 4, 1000):
        found = rows.selectExpr(f"pmod(xxhash64(user_id), {n_buckets}) AS bucket").collect()
        expected = [row["bucket"] for row in found]
        assert buckets_of(pa.array(users), n_buckets).tolist() == expected


def test_users_are_grouped_by_bucket_in_order_and_keep_their_numbers():
    users = Users(pa.array(sorted(LONGS)), np.arange(100, 100 + len(LONGS)))
    groups = list(users_by_bucket(users, 3))
    assert sorted(bucket for bucket, _ in groups) == sorted(set(buckets_of(users.ids, 3).tolist()))
    found = {}
    for bucket, own in groups:
        ids = own.ids.to_pylist()
        assert ids == sorted(ids)
        assert set(buckets_of(own.ids, 3).tolist()) == {bucket}
        found |= dict(zip(ids, own.numbers.tolist(), strict=True))
    assert found == {user: 100 + i for i, user in enumerate(sorted(LONGS))}
