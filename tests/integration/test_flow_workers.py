"""Workers as an operator sees them: metrics, health, ports, and when they refuse to start."""

from pathlib import Path
from urllib.request import urlopen

from aiokafka import AIOKafkaProducer
from labelling import project_settings
from workers import Deployment, WorkerProcess, eventually, series, worker

from schemas import Reason, RefusalReason, Topic, Window
from stream_app.client import Client
from stream_app.settings import Settings
from stream_app.topics import ensure_topics


def test_two_workers_share_the_partitions_and_serve_where_nobody_else_does(
    deployment: Deployment,
) -> None:
    def owned() -> list[str]:
        """Return the partitions of whose topics a worker says how much waits."""
        return sorted(
            dict(labels)["partition"]
            for process in deployment.workers
            for name, labels in process.metrics()
            if name == "activelab_lag_records"
        )

    eventually(lambda: owned() == sorted(3 * "0123"), lambda: f"owned: {owned()}")
    urls = {process.url("") for process in deployment.workers}
    assert len(urls) == 2
    assert not any(url.endswith(f":{deployment.taken_port}") for url in urls)
    for process in deployment.workers:
        assert process.says("web port is taken, using a free one")
        for path, text in (("/healthz", b"alive\n"), ("/readyz", b"ready\n")):
            with urlopen(process.url(path)) as response:
                assert (response.status, response.read()) == (200, text)


async def test_metrics_count_what_has_happened_on_the_owner_of_the_partition_alone(
    deployment: Deployment, client: Client, project: str
) -> None:
    await client.publish(Topic.CONTROL, project, [project_settings()])
    assert isinstance(await client.close_window(project, topic=Topic.CONTROL), Window)

    scraped = [process.metrics() for process in deployment.workers]
    windows = series("activelab_windows_total", project=project)
    (owner,) = [metrics for metrics in scraped if windows in metrics]
    assert owner[windows] == 1
    assert owner[series("activelab_closes_total", outcome="window")] >= 1
    assert owner[series("activelab_transaction_duration_seconds_count")] >= 2
    assert owner[series("activelab_takeover_duration_seconds_count")] >= 1
    known = {series("activelab_dead_letters_total", reason=reason) for reason in Reason}
    known |= {series("activelab_closes_total", outcome=outcome) for outcome in RefusalReason}
    assert all(known <= metrics.keys() for metrics in scraped)


async def test_a_worker_without_the_state_of_the_windows_that_exist_refuses_to_start(
    client: Client, project: str, tmp_path: Path
) -> None:
    await client.publish(Topic.CONTROL, project, [project_settings()])
    assert isinstance(await client.close_window(project, topic=Topic.CONTROL), Window)
    stranger = client.settings.model_copy(
        update={"app_id": "stranger", "data_dir": tmp_path / "stranger"}
    )

    process = WorkerProcess(stranger)

    process.wait_for("windows or committed offsets exist: the state was lost")
    process.wait_for("The changelog of stranger has no applied record for partitions")
    assert process.ended() != 0


async def test_a_window_that_was_aborted_is_no_past_that_a_worker_could_have_lost(
    settings: Settings,
) -> None:
    await ensure_topics(settings)
    async with AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, transactional_id=f"{settings.app_id}-0"
    ) as first_worker:
        await first_worker.begin_transaction()
        await first_worker.send_and_wait(settings.topic(Topic.WINDOWS), b"{}", partition=0)
        await first_worker.abort_transaction()

    with worker(settings) as process:
        process.wait_for("Took over partitions [0, 1, 2]")


def test_a_worker_with_another_number_of_partitions_refuses_to_start(
    deployment: Deployment, tmp_path: Path
) -> None:
    wider = deployment.settings.model_copy(update={"partitions": 5, "data_dir": tmp_path / "wider"})
    process = WorkerProcess(wider)
    process.wait_for("Topic flow-facts-changelog has 4 partitions, not 5")
    assert process.ended() == 1
