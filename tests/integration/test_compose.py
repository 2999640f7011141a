import subprocess
from pathlib import Path

import yaml

from stream_app.broker.jars import kafka_jars
from stream_app.broker.java import find_java

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"


def test_kafka_accepts_the_properties_of_the_container(tmp_path: Path) -> None:
    """Format a folder with them: Kafka reads and checks all, as the container does first."""
    environment = yaml.safe_load(COMPOSE.read_text())["services"]["kafka"]["environment"]
    container = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment.items()
    }
    properties = container | {"log.dirs": str(tmp_path / "records")}
    config = tmp_path / "server.properties"
    config.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))

    tool = ["kafka.tools.StorageTool", "format", "-t", "activelab-stream-test0", "-c", str(config)]
    done = subprocess.run(
        [str(find_java()), "-cp", f"{kafka_jars()}/*", *tool],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "records" / "meta.properties").exists()
