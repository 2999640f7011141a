"""The README's tour and the controls' session are what their commands do."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from workers import Deployment

ROOT = Path(__file__).parents[2]


def played(document: str, deployment: Deployment, folder: Path) -> str:
    """Run the shell blocks of a document as one session; return what it says."""
    tour = "".join(re.findall(r"```sh\n(.*?)```", (ROOT / document).read_text(), re.DOTALL))
    settings = deployment.settings
    environment = {
        "STREAM_APP_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "STREAM_APP_APP_ID": settings.app_id,
        "STREAM_APP_TOPIC_PREFIX": settings.topic_prefix,
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "COLUMNS": "200",
    }
    # The two documents' projects have one name, and a deployment is shared.
    done = subprocess.run(
        ["bash", "-euc", tour.replace("animals", document.rpartition("/")[2].lower())],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_tour_ends_with_an_audited_window(deployment: Deployment, tmp_path: Path) -> None:
    said = played("README.md", deployment, tmp_path)
    assert "2 selected of 3 eligible" in said
    assert "1 selected of 1 eligible" in said
    assert "agrees" in said


@pytest.mark.timeout(360)  # a dozen commands, on a machine that may be busy with other things
def test_the_controls_do_what_their_document_says(deployment: Deployment, tmp_path: Path) -> None:
    said = played("docs/controls.md", deployment, tmp_path)
    parts = re.split(r"^(?=Window |Published |controls\.md |window )", said, flags=re.MULTILINE)
    first, pulled, last = (one for one in parts if re.match(r"Window .* [1-9] selected", one))
    assert "3 selected of 7 eligible" in first
    assert {"vip-1", "de-1"} <= set(first.split())
    assert "for 'ann'): 2 selected of 5 eligible" in pulled
    assert "1 labels:kitty" in pulled
    assert "4 selected of 4 eligible" in last
    assert "dormant" not in last.lower()
    assert not {"fr-1", "fr-2", "fr-3"} & set(last.split())
    assert said.count(" agrees") >= 3
