"""A rule over bundles, as the gate runs it but for the gate."""

import io
import unittest
from dataclasses import dataclass
from typing import Iterator, List, Tuple

from sluice_sdk import (
    BadConfig,
    Bundle,
    FileInfo,
    Location,
    Placement,
    Report,
    Severity,
    Unavailable,
    lookup,
    mover,
    quoted,
    tables,
    validator,
)
from sluice_sdk.bundle import Bundle as BundleType
from sluice_sdk.failure import explain
from sluice_sdk.testing import answer_lookups, bundle, check_config, grant_tables, plan, validate


@dataclass
class Config:
    most: int

    def check(self) -> List[str]:
        return ["most: is more than anyone can mean"] if self.most > 1000 else []


@validator(config=Config)
def few_files(bundle: Bundle, report: Report, config: Config) -> None:
    for file in bundle.files:
        if file.index >= config.most:
            report.error("too-many", "too many").at_file(file).hint("fewer")


@mover(config=Config)
def by_path(bundle: Bundle, report: Report, config: Config) -> Iterator[Tuple[FileInfo, str]]:
    few_files(bundle, report, config)
    for file in bundle.files:
        yield file, f"x/{file.path}"


def with_files(count: int) -> list:
    return [{"destinationTable": "Files", "_id": n, "name": f"{n}.dat", "subdir": "data//scan/"} for n in range(count)]


class RuleTest(unittest.TestCase):
    def test_findings_say_what_where_and_what_to_do(self) -> None:
        (finding,) = validate(few_files, bundle(with_files(2)), {"most": 1})
        self.assertEqual((finding.severity, finding.code), (Severity.ERROR, "too-many"))
        self.assertEqual((finding.location, finding.hint), (Location.file("scan/1.dat"), "fewer"))

    def test_many_findings_of_a_kind_are_counted(self) -> None:
        findings = validate(few_files, bundle(with_files(150)), {"most": 0})
        self.assertEqual(len(findings), 101)
        self.assertEqual(findings[-1].message, "There are 50 more findings of this kind.")
        self.assertIs(findings[-1].severity, Severity.ERROR)

    def test_every_file_comes_once_and_in_order_whatever_the_batches(self) -> None:
        for count in (0, 1, 255, 256, 257, 600):
            seen = [file.path for file in BundleType(bundle(with_files(count))).files]
            self.assertEqual(seen, [f"scan/{n}.dat" for n in range(count)])

    def test_a_mover_with_an_error_refuses_and_else_places(self) -> None:
        self.assertIsNone(plan(by_path, bundle(with_files(2)), {"most": 1}))
        places = plan(by_path, bundle(with_files(2)), {"most": 2})
        self.assertEqual(places, [Placement(0, "x/scan/0.dat"), Placement(1, "x/scan/1.dat")])

    def test_a_configuration_is_checked_and_a_call_with_a_bad_one_is_no_verdict(self) -> None:
        self.assertEqual(check_config(few_files, {"most": 1}), [])
        self.assertEqual(check_config(few_files, {"most": 1001}), ["most: is more than anyone can mean"])
        self.assertEqual(check_config(few_files, {"mots": 1}), ["mots: there is no such key", "most: is missing"])
        with self.assertRaisesRegex(BadConfig, "most: is missing"):
            validate(few_files, bundle([]), {})

    def test_values_are_found_and_located(self) -> None:
        made = BundleType(
            bundle(
                [
                    {"destinationTable": "TransactionKeyValue", "key": "a", "value": 1.5},
                    {"destinationTable": "Transactions.project", "value": "1234a"},
                    {"destinationTable": "Transactions.submitter", "value": 10},
                    {"destinationTable": "TransactionKeyValue", "key": "b", "value": None},
                ]
            )
        )
        self.assertEqual((made.project, made.submitter, made.instrument), ("1234a", "10", None))
        self.assertEqual((made.value("a"), made.value("b"), made.value("c")), ("1.5", "", None))
        self.assertEqual(made.locate("project"), Location.metadata("/1/value"))
        self.assertEqual(made.locate("instrument"), Location.bundle())
        self.assertEqual(made.locate_key("b"), Location.metadata("/3/value"))
        self.assertEqual(made.received.isoformat(), "2026-03-01T12:00:00+00:00")

    def test_a_file_is_a_file(self) -> None:
        data = bytes(range(256)) * 10_000
        made = BundleType(bundle([], {"a": data, "t": "one\r\nzwölf\n".encode()}))
        self.assertIsNone(made.open("b"))
        with made.open("a") as file:
            self.assertEqual(file.read(), data)
            self.assertEqual(file.seek(-2, io.SEEK_END), len(data) - 2)
            self.assertEqual(file.read(10), b"\xfe\xff")
            self.assertEqual(file.read(10), b"")
            file.seek(0)
            self.assertEqual(file.read(3), b"\x00\x01\x02")
        with made.open_text("t") as file:
            self.assertEqual(list(file), ["one\n", "zwölf\n"])

    def test_an_exception_is_told_with_its_type_its_message_and_its_line(self) -> None:
        try:
            int("x")
        except ValueError as error:
            said = explain(error)
        self.assertRegex(said, r"^ValueError: invalid literal .* \(test_rule\.py, line \d+, in test_an_exception")

    def test_lookups_are_answered_when_they_are_granted(self) -> None:
        url = "https://proposals.example.org/api/1234a"
        with self.assertRaises(lookup.Denied):
            lookup.get(url)
        late = lookup.TimedOut("late")
        answer_lookups({url: {"open": True}, url + "/x": late, url + "/html": "<html>"})
        self.addCleanup(answer_lookups)
        answer = lookup.get(url)
        self.assertEqual((answer.status, answer.content_type, answer.ok), (200, "application/json", True))
        self.assertEqual(answer.json(), {"open": True})
        for path in ["/x", "/html"]:
            with self.assertRaises(Unavailable):
                lookup.get(url + path).json()
        with self.assertRaisesRegex(BadConfig, "not granted"):
            lookup.get(url + "/y")

    def test_tables_are_read_when_they_are_granted(self) -> None:
        with self.assertRaisesRegex(tables.NotGranted, "not granted the table projects"):
            tables.row("projects", "1234a")
        grant_tables(projects=[{"id": "1234a", "pi": "ada"}, {"id": "99b", "pi": "bea"}])
        self.addCleanup(grant_tables)
        self.assertEqual(tables.row("projects", "99b"), {"id": "99b", "pi": "bea"})
        self.assertIsNone(tables.row("projects", "ghost"))
        self.assertEqual([row["pi"] for row in tables.rows("projects")], ["ada", "bea"])
        with self.assertRaises(tables.NotGranted):
            tables.info("others")

    def test_a_value_from_outside_cannot_disturb_a_message(self) -> None:
        self.assertEqual(quoted('a"b\n'), '"a\\"b\\n"')
        self.assertEqual(quoted("zwölf"), '"zwölf"')
        self.assertEqual(quoted("\u202ex"), '"\\u202ex"')
        self.assertEqual(len(quoted("x" * 1000)), 82)


if __name__ == "__main__":
    unittest.main()
