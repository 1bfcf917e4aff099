"""Spark itself knows each setting of the profiles, and understands the commands for clusters."""

import shlex
import subprocess

import pytest

pytestmark = pytest.mark.spark

PROFILES = ("local", "local-cluster", "standalone", "yarn", "kubernetes")
CLUSTERS = {"standalone": "spark://", "yarn": "yarn", "kubernetes": "k8s://"}
# modules of Spark and Delta that declare settings once they are loaded
DECLARING = (
    "org.apache.spark.deploy.k8s.Config$",
    "org.apache.spark.deploy.yarn.config.package$",
    "org.apache.spark.sql.delta.sources.DeltaSQLConf$",
)
# documented, but read by their names only
BY_NAME = {"spark.master", "spark.sql.catalog.spark_catalog"}
# of which the last part is the user's, by the same documentation
BY_PREFIX = ("spark.kubernetes.executor.volumes.emptyDir.", "spark.delta.logStore.")


def _settings(root, profile):
    """Give the settings of a profile, those that are commented out too."""
    lines = (root / "conf" / "spark" / f"{profile}.conf").read_text().splitlines()
    found = [line.removeprefix("#").split(None, 1) for line in lines]
    return {words[0]: words[1] for words in found if words and words[0].startswith("spark.")}


@pytest.fixture(scope="module")
def declared(spark):
    """Say whether Spark declares a setting."""
    jvm = spark.sparkContext._jvm
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    for name in DECLARING:
        jvm.java.lang.Class.forName(name, True, loader)
    return lambda key: jvm.org.apache.spark.internal.config.ConfigEntry.findEntry(key) is not None


@pytest.mark.parametrize("profile", PROFILES)
def test_each_setting_of_a_profile_is_one_that_spark_has(root, declared, profile):
    assert not declared("spark.executor.memoryOverheads")
    unknown = {
        key
        for key in _settings(root, profile)
        if not declared(key) and key not in BY_NAME and not key.startswith(BY_PREFIX)
    }
    assert unknown == set()


@pytest.mark.parametrize("profile", CLUSTERS)
def test_spark_submit_understands_the_command_for_a_cluster(spark, root, profile):
    job = ("quantize_items", "--config", str(root / "conf" / "quantize_items.yaml"))
    printed = subprocess.run(
        [str(root / "spark-submit.sh"), "--print-command", "--profile", profile, *job],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    jvm = spark.sparkContext._jvm
    to_scala = jvm.org.apache.spark.api.python.PythonUtils
    words = to_scala.toSeq(shlex.split(printed)[1:])
    where = to_scala.toScalaMap({"HADOOP_CONF_DIR": "/etc/hadoop/conf"})
    parsed = jvm.org.apache.spark.deploy.SparkSubmitArguments(words, where)
    assert parsed.master().startswith(CLUSTERS[profile])
    assert parsed.deployMode() == "client"
    assert parsed.isPython()
    assert parsed.archives().endswith("environment.tar.gz#environment")
    assert parsed.primaryResource().endswith(f"{root}/jobs/quantize_items.py")
    assert list(parsed.childArgs().mkString(" ").split()) == list(job[1:])
    settings = parsed.sparkProperties()
    assert settings.apply("spark.pyspark.python") == "./environment/bin/python"
    assert settings.apply("spark.task.cpus") == "1"
    assert "semantic_ids-" in parsed.pyFiles()
