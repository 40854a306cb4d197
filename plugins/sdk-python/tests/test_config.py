"""From JSON to a dataclass, and what can be wrong with it."""

import re
import unittest
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Dict, List, Literal, Optional

from sluice_sdk import Mistakes
from sluice_sdk.config import parse, schema


class Level(Enum):
    LOW = "low"
    HIGH = "high"


@dataclass
class Limit:
    most: int
    level: Level = Level.LOW


@dataclass
class Config:
    """What a test configures."""

    name: Annotated[str, "The name."]
    pattern: Optional[re.Pattern] = None
    limits: List[Limit] = field(default_factory=list)
    named: Dict[str, Limit] = field(default_factory=dict)
    mode: Literal["fast", "slow"] = "fast"
    share: float = 0.5
    anything: Any = None


def mistakes(text: str) -> List[str]:
    try:
        parse(Config, text)
    except Mistakes as error:
        return error.lines
    return []


class ConfigTest(unittest.TestCase):
    def test_a_good_configuration_becomes_objects(self) -> None:
        config = parse(
            Config,
            '{"name": "a", "pattern": "x+", "limits": [{"most": 3, "level": "high"}], "named": {"any key": {"most": 4}},'
            ' "share": 1, "anything": [1]}',
        )
        self.assertTrue(config.pattern.fullmatch("xxx"))
        self.assertEqual(config.limits, [Limit(3, Level.HIGH)])
        self.assertEqual(config.named["any key"].most, 4)
        self.assertEqual((config.mode, config.share, config.anything), ("fast", 1.0, [1]))

    def test_unknown_and_missing_keys_are_all_named_by_their_path(self) -> None:
        self.assertEqual(
            mistakes('{"x": 1, "limits": [{"most": 1, "z": {}}, {}]}'),
            [
                "x: there is no such key",
                "name: is missing",
                "limits[0].z: there is no such key",
                "limits[1].most: is missing",
            ],
        )

    def test_a_wrong_value_is_named_by_its_path(self) -> None:
        for text, line in [
            ('{"name": 1}', "name: must be a text, and is 1"),
            ('{"name": "a", "limits": [{"most": "many"}]}', 'limits[0].most: must be a whole number, and is "many"'),
            ('{"name": "a", "limits": [{"most": true}]}', "limits[0].most: must be a whole number, and is true"),
            ('{"name": "a", "mode": "medium"}', 'mode: must be one of "fast", "slow", and is "medium"'),
            ('{"name": "a", "named": {"k": {"most": 1, "level": 2}}}', 'named.k.level: must be one of "low", "high", and is 2'),
            ('{"name": "a", "pattern": "("}', None),
            ('[]', "must be a table of keys, and is []"),
        ]:
            said = mistakes(text)
            self.assertEqual(len(said), 1, said)
            if line is None:
                self.assertTrue(said[0].startswith('pattern: "(" is no regular expression'), said)
            else:
                self.assertEqual(said, [line])
        self.assertTrue(mistakes("{")[0].startswith("not a JSON document"))

    def test_a_configuration_can_refuse_itself_with_everything_that_is_wrong(self) -> None:
        @dataclass
        class Inner:
            most: int

            def __post_init__(self) -> None:
                if self.most == 0:
                    raise Mistakes([("most", "must be at least 1"), "is of no use"])

        @dataclass
        class Outer:
            inner: Inner

        with self.assertRaises(Mistakes) as refused:
            parse(Outer, '{"inner": {"most": 0}}')
        self.assertEqual(refused.exception.lines, ["inner.most: must be at least 1", "inner.is of no use"])

    def test_the_schema_closes_tables_and_has_texts_and_defaults(self) -> None:
        said = schema(Config)
        self.assertEqual(said["required"], ["name"])
        self.assertIs(said["additionalProperties"], False)
        self.assertEqual(said["description"], "What a test configures.")
        self.assertEqual(said["properties"]["name"], {"type": "string", "description": "The name."})
        self.assertEqual(said["properties"]["mode"], {"enum": ["fast", "slow"], "default": "fast"})
        self.assertEqual(said["properties"]["pattern"]["anyOf"][0], {"type": "string", "format": "regex"})
        self.assertIs(said["properties"]["limits"]["items"]["additionalProperties"], False)

    def test_a_type_that_cannot_be_configured_is_told_at_once(self) -> None:
        @dataclass
        class Odd:
            when: complex

        with self.assertRaisesRegex(TypeError, "cannot be configured"):
            schema(Odd)


if __name__ == "__main__":
    unittest.main()
