"""The README's tour is what its commands do."""

import os
import re
import subprocess
from pathlib import Path

from workers import Deployment

ROOT = Path(__file__).parents[2]


def test_the_tour_ends_with_an_audited_window(deployment: Deployment, tmp_path: Path) -> None:
    (tour,) = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    settings = deployment.settings
    environment = {
        "STREAM_APP_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "STREAM_APP_APP_ID": settings.app_id,
        "STREAM_APP_TOPIC_PREFIX": settings.topic_prefix,
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "COLUMNS": "200",
    }
    done = subprocess.run(
        ["bash", "-euc", tour],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 selected of 3 eligible" in done.stdout
    assert "1 selected of 1 eligible" in done.stdout
    assert "agrees" in done.stdout
