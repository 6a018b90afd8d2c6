"""Reads an export in Parquet with DuckDB: the leaf hashes computed again, and answers to questions. Prints one JSON object."""

import json
import sys

import duckdb

table = f"read_parquet('{sys.argv[1]}')"


def answer(question):
    return duckdb.sql(question.replace("TRACE", table)).fetchall()


print(
    json.dumps(
        {
            "records": answer("SELECT count(*) FROM TRACE")[0][0],
            "right": answer(
                "SELECT count(*) FROM TRACE WHERE sha256('\\x00'::BLOB || leaf) = lower(hex(leaf_hash))"
            )[0][0],
            "consecutive": answer("SELECT max(sequence) - min(sequence) + 1 = count(*) FROM TRACE")[0][0],
            "denied": answer(
                "SELECT agent, human, app || '/' || tool, rules, security_relevant FROM TRACE "
                "WHERE kind = 'intent' AND verdict = 'deny' ORDER BY sequence"
            ),
            "time": answer("SELECT typeof(time) FROM TRACE LIMIT 1")[0][0],
            "this_year": answer("SELECT min(year(time)) > 2025 FROM TRACE")[0][0],
            "in_body": answer("SELECT DISTINCT body->>'$.human' FROM TRACE WHERE kind = 'intent'"),
        }
    )
)
