"""A judge's list of what does not pass yet, and why; it only ever gets shorter."""

import tomllib
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Floor:
    """`known` holds the reason for each test that is known to fail, `exempt` that for what a test must not ask."""

    file: Path
    passed: int
    known: dict[str, str]
    exempt: dict[str, dict[str, str]]

    @classmethod
    def read(cls, file: Path) -> "Floor":
        content = tomllib.loads(file.read_text("utf-8"))
        known = {each["test"]: each["reason"] for each in content.get("known_failures", [])}
        assert all(known.values())
        return cls(file, content["passed"], known, content.get("exempt", {}))

    def complaints(self, passed: Set[str], failed: Set[str]) -> list[str]:
        """What is wrong with a run; empty where it is as the list says."""
        name = self.file.name
        found = [f"{each} fails" for each in sorted(failed - self.known.keys())]
        found += [f"{each} passes: take it off {name}" for each in sorted(passed & self.known.keys())]
        found += [f"{each} was not run: take it off {name}" for each in sorted(self.known.keys() - passed - failed)]
        if len(passed) < self.passed:
            found.append(f"only {len(passed)} passed, and {self.passed} have before")
        elif len(passed) > self.passed and not found:
            found.append(f"{len(passed)} pass now: raise the floor of {self.passed} in {name}")
        return found
