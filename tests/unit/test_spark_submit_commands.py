"""What spark-submit.sh would run, without a JVM: profiles, packages, secrets."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

PROFILES = ("local", "local-cluster", "standalone", "yarn", "kubernetes")
CLUSTERS = PROFILES[2:]
SECRET = "s3cr3t value"


@pytest.fixture
def submit(root, tmp_path):
    """Run spark-submit.sh from a folder that is not the checkout."""

    def run(*words, **environment):
        return subprocess.run(
            [str(root / "spark-submit.sh"), *words],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=tmp_path,
        )

    return run


def _job(root):
    return ("quantize_items", "--config", str(root / "conf" / "quantize_items.yaml"))


def _options(command):
    """Give (option, value) pairs up to the job's own file, that file, and its arguments."""
    words = shlex.split(command)[1:]
    options = []
    while words[0].startswith("--"):
        options.append((words.pop(0), words.pop(0)))
    return options, Path(words[0]), words[1:]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_command_has_the_profile_the_library_the_jars_and_the_job(submit, root, profile):
    finished = submit(*_job(root), "--print-command", "--profile", profile)
    assert finished.returncode == 0, finished.stderr
    options, job, arguments = _options(finished.stdout)
    given = dict(options)
    assert given["--properties-file"] == str(root / "conf" / "spark" / f"{profile}.conf")
    assert Path(given["--py-files"]).name.startswith("semantic_ids-")
    assert "delta-spark" in given["--jars"] or not (root / "build" / "jars").is_dir()
    assert job == root / "jobs" / "quantize_items.py"
    assert arguments == list(_job(root)[1:])


@pytest.mark.parametrize("profile", CLUSTERS)
def test_workers_of_a_cluster_unpack_the_environment(submit, root, profile):
    options, _, _ = _options(submit(*_job(root), "--print-command", "--profile", profile).stdout)
    assert dict(options)["--archives"] == f"{root}/build/environment.tar.gz#environment"
    settings = [value for option, value in options if option == "--conf"]
    assert "spark.pyspark.python=./environment/bin/python" in settings


def test_workers_may_have_the_driver_s_python_instead(submit, root):
    words = (*_job(root), "--print-command", "--profile", "yarn")
    options, _, _ = _options(submit(*words, SPARK_ENVIRONMENT="none").stdout)
    assert "--archives" not in dict(options)
    settings = dict(value.split("=", 1) for option, value in options if option == "--conf")
    assert Path(settings["spark.pyspark.python"]).is_absolute()


def test_settings_of_the_command_line_come_last_and_choose_the_master(submit, root):
    words = (*_job(root), "--conf", "spark.master=k8s://https://host:6443", "--print-command")
    options, _, _ = _options(submit(*words).stdout)
    assert options[-1] == ("--conf", "spark.master=k8s://https://host:6443")
    assert "--archives" in dict(options)


def test_a_printed_command_shows_no_secret(submit, root):
    settings = {
        "spark.hadoop.fs.s3a.secret.key": SECRET,
        "spark.hadoop.fs.s3a.session.token": SECRET,
        "spark.hadoop.fs.azure.account.key.shop.dfs.core.windows.net": SECRET,
        "spark.hadoop.fs.s3a.encryption.key": SECRET,
        "spark.hadoop.fs.s3a.server-side-encryption.key": SECRET,
        "spark.hadoop.fs.azure.sas.items.shop.blob.core.windows.net": SECRET,
        "spark.ssl.keyPassword": SECRET,
        "spark.executorEnv.API_TOKEN": f"line one\n{SECRET}",
        "spark.executorEnv.PGPASS": SECRET,
        "spark.executorEnv.API_KEY": SECRET,
        "spark.driver.extraJavaOptions": f"-Dstore.password={SECRET.replace(' ', '')} -Dx=1",
    }
    words = [f"--conf={key}={value}" for key, value in settings.items()]
    words.append("--conf=spark.jars.repositories=https://me:s3cr3t@shop/jars")
    said = submit(*_job(root), *words, "--print-command").stdout
    for key in list(settings)[:-1]:
        assert f"{key}=***** " in said
    assert "-Dstore.password=*****" in said
    assert "https://me:*****@shop/jars" in said
    assert "s3cr3t" not in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--conf",), "--conf: a value is required, got none"),
        (("--conf=spark.master",), "--conf: must be KEY=VALUE, got 'spark.master'"),
        (("--profile=no_such",), "--profile: there is no file 'no_such'"),
        (("--conf", "spark.master"), "--conf: must be KEY=VALUE, got 'spark.master'"),
        (("--profile", "no_such"), "--profile: there is no file 'no_such'"),
        (("--offline",), "--offline: DELTA_JARS must be a folder with Delta's jars, there is no"),
    ],
)
def test_a_wrong_option_is_one_sentence(submit, root, words, sentence):
    finished = submit(*_job(root), *words, DELTA_JARS="/no/such/folder", JAVA_HOME="/nowhere")
    assert finished.returncode == 2
    assert sentence in finished.stderr
    assert finished.stderr.count("\n") == 1


def test_a_checkout_without_its_environment_says_how_to_get_one(submit, root, tmp_path):
    copy = tmp_path / "checkout"
    shutil.copytree(root / "jobs", copy / "jobs", ignore=shutil.ignore_patterns("__pycache__"))
    script = Path(shutil.copy(root / "spark-submit.sh", copy))
    (tmp_path / "python3").symlink_to("/bin/true")
    finished = subprocess.run(
        [script, "status", "--help"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 2
    assert "run `make setup` first" in finished.stderr


def test_offline_never_asks_for_jars(submit, root):
    words = (*_job(root), "--offline", "--profile", "yarn")
    finished = submit(*words, SPARK_ENVIRONMENT="/no/such.tar.gz", DELTA_JARS=str(root / "conf"))
    assert finished.returncode == 2
    assert "SPARK_ENVIRONMENT: there is no '/no/such.tar.gz'" in finished.stderr
    assert "fetching" not in finished.stderr


def test_list_names_each_job_and_each_has_a_configuration(submit, root):
    names = submit("--list").stdout.split()
    assert names == sorted(file.stem for file in (root / "jobs").glob("*.py"))
    assert names == sorted(file.stem for file in (root / "conf").glob("*.yaml"))


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_hold_no_setting_twice_and_each_has_a_value(root, profile):
    lines = (root / "conf" / "spark" / f"{profile}.conf").read_text().splitlines()
    settings = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    assert all(len(setting) == 2 for setting in settings)
    assert len({key for key, _ in settings}) == len(settings)


def test_the_scripts_are_clean_by_shellcheck(root):
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    scripts = [*root.glob("*.sh"), *(root / "conf" / "spark").glob("*.sh"), root / ".ci" / "run"]
    subprocess.run(["shellcheck", *map(str, scripts)], check=True)
