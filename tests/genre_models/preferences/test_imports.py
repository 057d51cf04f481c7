"""The recommend role starts fast: what it imports from here pulls neither torch nor scipy nor
scikit-learn."""

from __future__ import annotations

import subprocess
import sys

_PROBE = """
import sys
import genre_models.planner, genre_models.ranker, genre_models.preferences.empirical_bayes
import genre_models.preferences.learner, genre_models.evaluation.off_policy, \
genre_models.preferences.rights
sys.exit(", ".join(sorted(\
{"torch", "scipy", "sklearn", "pandas", "faust", "aiokafka"} & set(sys.modules))) or 0)
"""


def test_preferences_stay_light() -> None:
    probe = subprocess.run(
        [sys.executable, "-c", _PROBE], capture_output=True, text=True, check=False
    )
    assert (probe.returncode, probe.stderr) == (0, "")
