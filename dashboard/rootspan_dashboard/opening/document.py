"""The document that a browser loads first: Streamlit's own, told what it would have to find out.

Streamlit's client looks for its server below the page's own path first, and waits after the
miss; and it fetches the scripts of elements when the first of each kind comes, one wave after
the other. Both are known when the document is served. Where Streamlit's document or its scripts have another
shape than expected, they are served as they are: slower, and right.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

__all__ = ["ELEMENTS", "build_document"]

ELEMENTS: Final = ("Html", "PageLink", "Button", "Selectbox", "TextInput", "ButtonGroup", "BidiComponent")
"""Streamlit's names of the elements that pages show first; tables come later, and are large."""
_SETTINGS: Final = 'window.__streamlit={BACKEND_BASE_URL:new URL(".",location.href).href}'
"""What Streamlit's client reads before it starts: the server is where the page is, without the page's name.

Pages stand beside each other, below whatever a proxy puts before them.
"""
_FIRST_SCRIPT: Final = re.compile(r'(?=<script type="module")')
_IMPORT: Final = re.compile(r'(?:from|import)\s*"\./([\w.\-]+\.js)"')


def build_document(static: Path, *, more: Sequence[str] = ()) -> str:
    """Streamlit's document with an address to connect to and scripts to load ahead.

    Args:
        static: Folder of Streamlit's client (`streamlit.file_util.get_static_dir()`).
        more: Paths of our own scripts to load ahead.
    """
    text = (static / "index.html").read_text(encoding="utf-8")
    folder = static / "static" / "js"
    known = [f"./static/js/{name}" for name in _scripts(folder, ELEMENTS) if name not in text]
    links = "".join(f'<link rel="modulepreload" crossorigin href="{path}">' for path in [*known, *more])
    script = f"<script>{_SETTINGS}</script>"
    return _FIRST_SCRIPT.sub(lambda _: script, text, count=1).replace("</head>", f"{links}</head>", 1)


def _scripts(folder: Path, elements: Iterable[str]) -> list[str]:
    """File names of the elements' scripts and of all that these import, without repetitions."""
    found: dict[str, None] = {}
    waiting = [path.name for one in elements for path in sorted(folder.glob(f"{one}.*.js"))]
    while waiting:
        name = waiting.pop(0)
        if name in found or not (folder / name).is_file():
            continue
        found[name] = None
        waiting += _IMPORT.findall((folder / name).read_text(encoding="utf-8"))
    return list(found)
