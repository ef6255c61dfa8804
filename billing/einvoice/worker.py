"""The one process that applies the standards' rules: `python -m billing.einvoice.worker FOLDER`.

It reads one JSON line for each request and answers one: `{"profile", "xml"}` becomes
`{"findings": [[judge, code, text, is fatal], …], "fired": number of rules that looked at
something}`. It ends with its input. It knows no settings and no database.

saxonche must not run in threads (it brings the runtime of a virtual machine of its own), hence a
process. Source: saxonche 13.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, TextIO

from lxml import etree
from saxonche import PySaxonProcessor

from billing.einvoice.findings import Judge
from billing.einvoice.profiles import Profile
from billing.einvoice.rulesets import RULE_SETS

Row = tuple[str, str, str, bool]

_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_NAMED = re.compile(r"\[(?:ID )?([A-Z]+-[A-Za-z0-9-]+)\]")
_MILD = ("warning", "information")


class Rules:
    """Schemas and sheets are compiled at first use and kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._saxon = PySaxonProcessor(license=False)
        self._compiler = self._saxon.new_xslt30_processor()
        self._schemas: dict[str, Any] = {}
        self._sheets: dict[str, Any] = {}

    def judge(self, profile: Profile, xml: str) -> dict[str, Any]:
        """What is not even of the schema's shape goes no further."""
        rule_set = RULE_SETS[profile]
        schema = self._schema(rule_set.schema)
        if not schema.validate(etree.fromstring(xml.encode())):
            return {"findings": [_of_schema(e) for e in schema.error_log], "fired": 0}
        findings: list[Row] = []
        fired = 0
        for sheet in rule_set.sheets:
            report = self._report(sheet, xml)
            fired += sum(1 for _ in report.iter(f"{_SVRL}fired-rule"))
            failed = report.iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report")
            findings += [_of_rule(e) for e in failed]
        return {"findings": findings, "fired": fired}

    def _schema(self, name: str) -> Any:
        if name not in self._schemas:
            self._schemas[name] = etree.XMLSchema(etree.parse(str(self._folder / name)))
        return self._schemas[name]

    def _report(self, name: str, xml: str) -> Any:
        if name not in self._sheets:
            file = str(self._folder / name)
            self._sheets[name] = self._compiler.compile_stylesheet(stylesheet_file=file)
        said = self._sheets[name].transform_to_string(xdm_node=self._saxon.parse_xml(xml_text=xml))
        return etree.fromstring(said.encode())


def _of_schema(error: Any) -> Row:
    return (Judge.SCHEMA, "XSD", f"line {error.line}: {error.message}", True)


def _of_rule(element: Any) -> Row:
    """Factur-X numbers its rules itself and has the standard's name in the text only."""
    text = " ".join("".join(element.itertext()).split())
    named = _NAMED.match(text)
    code = named[1] if named else element.get("id") or "unnamed"
    mild = element.get("flag") in _MILD or element.get("role") in _MILD
    return (Judge.RULES, code, text, not mild)


def serve(folder: Path, source: TextIO, target: TextIO) -> None:
    rules = Rules(folder)
    for line in source:
        asked = json.loads(line)
        answer = rules.judge(Profile(asked["profile"]), asked["xml"])
        target.write(json.dumps(answer) + "\n")
        target.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.stdin, sys.stdout)
