"""Loading a model leaves the logging of the process as it was."""

import subprocess
import sys

LOAD = """
import logging
from byleave.media.models import caption_model
before = (list(logging.getLogger().handlers), logging.getLogger().level)
caption_model()
assert (list(logging.getLogger().handlers), logging.getLogger().level) == before
logging.getLogger("somebody").info("chatter")
"""


def test_loading_the_caption_model_does_not_make_every_library_speak_to_the_terminal() -> None:
    child = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    assert "chatter" not in child.stderr
