"""Print the lower bounds of the dependencies as constraints, for `make test-versions`."""

import re
import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
sys.stdout.writelines(f"{name}\n" for name in (re.sub(">=", "==", each) for each in project["dependencies"]))
