"""The description for package indexes: README.md without what only the tree has, pictures and links to its files."""

import re
from pathlib import Path

from setuptools import setup

readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
pictures = re.sub(r"!\[([^]]*)\]\((?!https://)[^)]*\)", r"*(Picture: \1.)*", readme)
links = re.sub(r"(?<!!)\[([^]]*)\]\((?!https://|#)[^)]*\)", r"\1", pictures)

setup(
    script_name="setup.py",  # so that this file is left out of the package whose folder it lies in
    long_description=links,
    long_description_content_type="text/markdown",
)
