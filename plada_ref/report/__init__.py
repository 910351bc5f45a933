"""One self-contained HTML page about the folder that a transfer leaves.

The folder's files may come from strangers: `plada_ref.runs` checks what they say, and `markup`
escapes every text on its way into the page.
"""

from __future__ import annotations

from ..runs.run import Run
from .page import page
from .payloads import pictures

__all__ = ["Run", "page", "pictures"]
