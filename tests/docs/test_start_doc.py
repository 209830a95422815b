"""docs/start.md: the sandbox's session runs, line by line, on a real server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

from docs.conftest import program
from serving import ADMIN_KEY, serving

ROOT = Path(__file__).parents[2]
START = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")


async def test_the_sandbox_sells_and_closes(sqlite_url: str, tmp_path: Path) -> None:
    program("curl")
    (script,) = re.findall(r"```bash\n(.*?)```", START, re.DOTALL)
    async with serving(sqlite_url, tmp_path) as server:
        script = script.replace("<the key>", ADMIN_KEY).replace("http://127.0.0.1:8080", server.url)
        # Each answer on a line of its own; the command line is this checkout's.
        script = script.replace("curl -s", "curl -w '\\n' -s").replace(
            "closebell sample", f"{sys.executable} -m closebell sample"
        )
        process = await asyncio.create_subprocess_exec(
            "bash", "-euc", script, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, env={**os.environ}
        )
        out, _ = await process.communicate()

    assert process.returncode == 0
    imported, products, sold, paid, closed = map(json.loads, out.decode().splitlines())
    assert (imported["refused"], imported["updated"]) == (0, 0)
    assert "Lavender oil" in {product["name"] for product in products["products"]}
    assert sold["invoice"]["invoice_dues"]["balance"] == 110.1
    assert (paid["is_applied"], paid["payment"]["amount_paid"]) == (True, 110.1)
    assert closed["is_invoice_closed"] is True
    assert closed["receipt_number"] == "R2650"
