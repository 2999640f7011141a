"""What is checked in, by itself: rules, their runbook, the catalogue, the dashboards."""

import re
from typing import Any

import yaml
from watching import PROMETHEUS, ROOT, RULES, promtool

from deploy.catalogue import DOCUMENT, sections
from deploy.grafana.layout import files, grafana
from deploy.grafana.pages import DASHBOARDS
from experiments.document import filled
from stream_app.label_studio.metrics import FAMILIES, BridgeMetrics
from stream_app.label_studio.mirror import Mirror

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    promtool("check", "config", PROMETHEUS / "prometheus.yml")


def test_promtool_has_nothing_to_say_of_the_bridges_metrics() -> None:
    exposed = BridgeMetrics(Mirror()).exposition().decode()
    assert all(f"# HELP {family.name} " in exposed for family in FAMILIES)
    assert promtool("check", "metrics", stdin=exposed) == ""


def test_each_alert_fires_when_it_must_and_only_then() -> None:
    examples = PROMETHEUS / "rules_test.yml"
    promtool("test", "rules", examples)
    tried: dict[str, set[bool]] = {name: set() for name in alerts()}
    for one in yaml.safe_load(examples.read_text())["tests"]:
        for example in one["alert_rule_test"]:
            tried[example["alertname"]].add(bool(example["exp_alerts"]))
    assert all(fires == {True, False} for fires in tried.values()), tried


def test_each_alert_has_a_section_in_the_runbook_and_each_section_an_alert() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    assert re.findall(r"^## (\w+)$", runbook, re.MULTILINE) == list(alerts())
    for name, rule in alerts().items():
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_the_catalogue_is_that_of_the_registry() -> None:
    document = DOCUMENT.read_text()
    assert filled(document, sections()) == document, "run `python -m deploy`"


def test_the_dashboards_are_those_of_their_pages() -> None:
    for file, text in files().items():
        assert file.read_text() == text, "run `python -m deploy`"
    (folder,) = {file.parent for file in files()}
    assert set(folder.iterdir()) == set(files())


def test_dashboards_say_what_they_show_and_panels_do_not_overlap() -> None:
    for dashboard in map(grafana, DASHBOARDS):
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            assert panel["description"].endswith(".")
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert not cells & taken, panel["title"]
            assert max(x for x, _ in cells) < 24
            taken |= cells


def test_containers_find_what_is_checked_in() -> None:
    for name in ("prometheus", "grafana"):
        for volume in COMPOSE[name]["volumes"]:
            source = volume.split(":")[0]
            assert not source.startswith(".") or (ROOT / source).exists(), volume
    (provider,) = yaml.safe_load((ROOT / "deploy/grafana/dashboards.yml").read_text())["providers"]
    mounted = [volume.split(":")[1] for volume in COMPOSE["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounted
