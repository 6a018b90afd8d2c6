"""Judges records by spec/record.schema.json: each line of the input is a record, and whether it is to be one."""

import json
import sys

from jsonschema import Draft202012Validator


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    misjudged = 0
    for line in sys.stdin:
        case = json.loads(line)
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(case["record"])]
        if bool(errors) == case["right"]:
            misjudged += 1
            print(case["about"], errors or "is taken for a record", sep=": ")
    return 1 if misjudged else 0


sys.exit(main())
