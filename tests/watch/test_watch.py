"""Workers under load, watched by Prometheus with our rules: what each dashboard would show."""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.request import urlopen

import pytest
from campaign import ITEMS, Campaign, at_home, open_transaction
from watching import (
    JOB,
    SCRAPE_SECONDS,
    Echo,
    Labels,
    Prometheus,
    as_sent,
    dashboards,
    prometheus,
    promtool,
)
from workers import WorkerProcess, eventually

from stream_app.broker import Broker
from stream_app.broker.server import free_ports
from stream_app.settings import Settings
from stream_app.telemetry import catalogue
from stream_app.topics import ensure_topics

PARTITIONS = 2
ONCE, TWICE = "once", "twice"
"""Jobs of which one worker, or two, say what a worker of ours has said under load."""
ACTIVE = {"ActivelabDeadLetterBurst", "ActivelabModelWorseThanChance", "ActivelabTemperatureAtEnd"}
"""The alerts of which the campaign gives reason."""


@dataclass(frozen=True)
class Watched:
    """What has happened, and when; Prometheus remembers what it was like."""

    prometheus: Prometheus
    projects: list[str]
    fresh: float
    """A worker is ready, and there is no project."""
    loaded: float
    """Two projects, windows, load, a transaction that is open."""
    moved: float
    """One of two partitions has moved to a second worker."""
    restarted: float
    """The first worker has been started again."""
    exposed: str
    """What it said under load."""


@pytest.fixture(scope="module")
def watched(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    ports = free_ports(0, 0)
    one, two = (
        Settings(
            bootstrap_servers=broker.bootstrap_servers,
            app_id="watched",
            topic_prefix="watched.",
            partitions=PARTITIONS,
            data_dir=folder / name,
            web_port=port,
        )
        for name, port in zip(("one", "two"), ports, strict=True)
    )
    asyncio.run(ensure_topics(one))
    projects = list(at_home(one).values())
    campaign = Campaign(one, projects)
    with ExitStack() as running:
        echo = running.enter_context(Echo.running())
        jobs = {
            JOB: [f"127.0.0.1:{port}" for port in ports],
            ONCE: [f"127.0.0.1:{echo.server_port}"],
            TWICE: [f"{host}:{echo.server_port}" for host in ("127.0.0.1", "localhost")],
        }
        watching = running.enter_context(prometheus(folder / "prometheus", jobs))

        def start(settings: Settings) -> WorkerProcess:
            process = WorkerProcess(settings)
            running.callback(process.stop)
            return process

        def owned(*expected: int) -> None:
            """Wait until each worker owns so many partitions, and all projects are there once."""
            query = f'count by (instance) (activelab_partition_owned{{job="{JOB}"}})'
            eventually(
                lambda: sorted(watching.query(query).values()) == list(expected),
                lambda: f"{query}: {watching.query(query)}",
            )

        first = start(one)
        owned(2)
        fresh = time.time()
        running.enter_context(campaign.running())
        worked = (
            "count(activelab_overlapping_items > 50 and on (project) activelab_windows_total > 1)"
        )
        eventually(
            lambda: campaign.check() or list(watching.query(worked).values()) == [len(projects)],
            lambda: f"{worked}: {watching.query(worked)}",
        )
        with open_transaction(one, projects[0]):
            eventually(
                lambda: campaign.check() or not (missing(watching) + without_reason(watching)),
                lambda: f"nothing of {missing(watching)}, {without_reason(watching)}",
            )
            loaded = time.time()
            with urlopen(first.url("/metrics")) as response:
                echo.text = response.read().decode()
        start(two)
        owned(1, 1)
        moved = time.time()
        assert first.stop() == 0
        owned(2)
        start(one)
        owned(1, 1)
        restarted = time.time()
        yield Watched(watching, projects, fresh, loaded, moved, restarted, echo.text)


ASKED = {
    f"{page['title']}, {panel['title']}, {target['legendFormat']}": target["expr"]
    for page in dashboards()
    for panel in page["panels"]
    for target in panel["targets"]
}
QUESTIONS = {place: as_sent(query) for place, query in ASKED.items()}


def without_reason(prometheus: Prometheus) -> list[str]:
    """Return the alerts that are to be active and have no reason yet: a rate needs its time."""
    answer: Any = prometheus.ask("rules")
    rules = [rule for group in answer["groups"] for rule in group["rules"]]
    expected = [rule for rule in rules if rule["name"] in ACTIVE]
    return [rule["name"] for rule in expected if not prometheus.query(rule["query"])]


def missing(watching: Prometheus) -> list[str]:
    """Return what has no answer now."""
    return [place for place, query in QUESTIONS.items() if not watching.query(query)]


def chosen(watching: Prometheus, at: float, variable: dict[str, Any]) -> set[str]:
    """Return what there is to choose from for a dashboard's variable."""
    query = variable["query"]["query"].replace("$job", JOB)
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
    assert found is not None
    selector, label = found.groups()
    return {dict(labels)[label] for labels in watching.query(selector, at=at)}


def test_before_the_first_project_dashboards_say_so_and_no_question_fails(watched: Watched) -> None:
    answers = {
        place: watched.prometheus.query(query, at=watched.fresh)
        for place, query in QUESTIONS.items()
    }
    projects = answers.pop("activelab-stream: campaign, Projects, projects")
    assert projects == {frozenset(): 0}
    of_projects = {place for place, answer in answers.items() if answer and "service" not in place}
    assert of_projects == set()
    annotators, campaign, _ = dashboards()
    for panel in annotators["panels"] + campaign["panels"]:
        assert panel["fieldConfig"]["defaults"]["noValue"].startswith("no project yet")
    (number,) = [panel for panel in campaign["panels"] if panel["title"] == "Projects"]
    (mapping,) = number["fieldConfig"]["defaults"]["mappings"]
    assert mapping["options"]["0"]["text"] == "no project yet"


def test_a_dashboard_offers_what_there_is(watched: Watched) -> None:
    for dashboard in dashboards():
        variables = {one["name"]: one for one in dashboard["templating"]["list"]}
        offered = {
            name: chosen(watched.prometheus, watched.loaded, one)
            for name, one in variables.items()
            if one["type"] == "query"
        }
        assert offered.pop("job") == {JOB}
        assert offered.get("project", set(watched.projects)) == set(watched.projects)
        assert len(offered.get("instance", {"one"})) == 1
        if "project" in variables:
            assert chosen(watched.prometheus, watched.fresh, variables["project"]) == set()


def test_every_metric_is_there_under_load_with_the_labels_that_the_catalogue_says(
    watched: Watched,
) -> None:
    for family in catalogue():
        name = f"{family.name}_count" if family.type == "histogram" else family.name
        series = watched.prometheus.query(name, at=watched.loaded)
        assert series, name
        own = {"__name__", "job", "instance", *family.labels}
        assert all({label for label, _ in labels} == own for labels in series), name


def test_promtool_has_nothing_to_say_of_the_metrics(watched: Watched) -> None:
    assert promtool("check", "metrics", stdin=watched.exposed) == ""


def test_every_rule_is_evaluated_and_the_alerts_are_those_that_there_is_reason_for(
    watched: Watched,
) -> None:
    answer: Any = watched.prometheus.ask("rules")
    rules = [rule for group in answer["groups"] for rule in group["rules"]]
    assert {(rule["health"], rule.get("lastError", "")) for rule in rules} == {("ok", "")}
    for rule in rules:
        series = watched.prometheus.query(rule["query"], at=watched.loaded)
        assert bool(series) == (rule["type"] == "recording" or rule["name"] in ACTIVE), rule["name"]
        for name in re.findall(r"(?<![\w:])(?:activelab|process)_\w+", rule["query"]):
            assert watched.prometheus.query(name, at=watched.loaded), name


def test_a_campaign_is_shown_as_it_is(watched: Watched) -> None:
    def shown(title: str) -> dict[Labels, float]:
        return watched.prometheus.query(QUESTIONS[f"activelab-stream: {title}"], at=watched.loaded)

    def by(label: str, title: str) -> dict[str, float]:
        return {dict(labels)[label]: value for labels, value in shown(title).items()}

    two = len(watched.projects)
    assert shown("campaign, Projects, projects") == {frozenset(): two}
    assert shown("campaign, Items, items") == {frozenset(): two * ITEMS}
    assert sum(by("progress", "campaign, Progress, {{progress}}").values()) == two * ITEMS
    assert by("flag", "annotators, Annotators by flag, {{flag}}").keys() == {
        "too few",
        "fine",
        "below the model",
        "worse than chance",
    }
    assert by("reason", "campaign, Selections by reason, {{reason}}").keys() == {
        "first_label",
        "relabel",
    }
    assert by("lacks", "campaign, On lease, and not counted, lacks {{lacks}}")["labels"] == two
    pinned = by("topic", "service, Pinned, {{topic}} {{partition}}")
    assert pinned.keys() == {"watched.annotations.v1"}
    assert shown("service, Partitions unowned, partitions unowned") == {frozenset(): 0}


def test_a_partition_that_moves_and_a_worker_that_restarts_double_nothing(watched: Watched) -> None:
    ask, two = watched.prometheus, len(watched.projects)
    for moment in (watched.loaded, watched.moved, watched.restarted):
        for label, series in (
            ("project", "activelab_items"),
            ("partition", "activelab_partition_owned"),
        ):
            owners = ask.query(f'count by ({label}) ({series}{{job="{JOB}"}})', at=moment)
            assert list(owners.values()) == [1] * two
    for title, most in (
        ("campaign, Items, items", two * ITEMS),
        ("campaign, Projects, projects", two),
    ):
        query = QUESTIONS[f"activelab-stream: {title}"]
        times = watched.loaded, watched.restarted, SCRAPE_SECONDS / 4
        (values,) = ask.history(query, *times).values()
        assert max(value for _, value in values) == most
    windows = QUESTIONS["activelab-stream: campaign, Windows, windows"]
    before, after = (ask.query(windows, at=at) for at in (watched.loaded, watched.restarted))
    assert before[frozenset()] < after[frozenset()]


def test_what_two_workers_say_of_a_project_at_a_time_counts_once(watched: Watched) -> None:
    """They do for a scrape while its partition moves."""
    ask = watched.prometheus

    def owners() -> list[float]:
        found = (ask.query(f'deriv(activelab_items{{job="{job}"}}[5m])') for job in (ONCE, TWICE))
        return [len(series) for series in found]

    two = len(watched.projects)
    eventually(lambda: owners() == [two, 2 * two], lambda: str(owners()))
    at = time.time()
    for place, query in ASKED.items():
        if "$instance" not in query:
            once, twice = (ask.query(as_sent(query, job), at=at) for job in (ONCE, TWICE))
            assert once == twice, place
            assert once, place
