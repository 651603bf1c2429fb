"""Write docs/study.schema.json, the JSON Schema of study files for editors."""

from __future__ import annotations

import json
from pathlib import Path

from heatlas.study.spec import json_schema


def main() -> None:
    """Write the schema beside the other documents."""
    target = Path(__file__).resolve().parents[1] / "docs" / "study.schema.json"
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False)
    target.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
