"""``python -m plada_ref`` is the command ``plada``."""

from .cli import main

main()
