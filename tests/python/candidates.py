"""An applicant tracking system as an MCP server on the official Python SDK. It holds what `tests/node/records.mjs` holds, and answers
with structure or with JSON as text; `fetch_note` answers in plain words. Prints its address, and ends with its standard input."""

import json
import logging
import os
import socket
import sys
import threading
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("candidates")


def candidate(id, client_id, status, salary):
    return {
        "id": id,
        "client_id": client_id,
        "status": status,
        "name": f"Candidate {id}",
        "employment": {"title": "welder"},
        "compensation": [{"year": 2025, "amount": salary}],
        "medical_notes": f"notes of {id}",
        "salary": salary,
    }


candidates = [candidate(f"c_{n}", "northwind", "closed" if n % 4 == 3 else "active", 50_000 + n) for n in range(40)]
candidates += [candidate(f"x_{n}", "contoso", "active", 90_000 + n) for n in range(10)]
orders = [
    {"id": id, "client_id": client, "candidate_id": of, "status": "open", "findings": None}
    for id, client, of in [("o_1", "northwind", "c_1"), ("o_2", "northwind", "c_2"), ("x_1", "contoso", "x_1")]
]
invoices = [{"id": "i_1", "client_id": "northwind", "amount": 1_000}]


def one(records, id):
    for record in records:
        if record["id"] == id:
            return record
    raise ToolError(f"there is no {id} among {json.dumps(records)}")


@server.tool()
def get_candidate(id: str) -> dict:
    """One candidate."""
    return one(candidates, id)


@server.tool()
def list_candidates(
    client_id: str | None = None,
    status: str | None = None,
    compensation: str | None = None,
    limit: int = 10,
    sort: str | None = None,
    embed: str | None = None,
) -> dict[str, Any]:
    """Candidates."""
    found = [record for record in candidates if client_id in (None, record["client_id"])]
    found = [record for record in found if status in (None, record["status"])]
    found = sorted(found, key=lambda record: str(record.get(sort))) if sort else found
    return {"data": found[:limit], "total": len(found), "next": None}


@server.tool()
def get_order(id: str) -> dict[str, Any]:
    """One screening order."""
    return one(orders, id)


@server.tool()
def update_order(id: str, status: str | None = None, findings: str | None = None, candidate_id: str | None = None) -> dict[str, Any]:
    """Changes a screening order."""
    record = one(orders, id)
    changes = {"status": status, "findings": findings, "candidate_id": candidate_id}
    record.update({name: value for name, value in changes.items() if value is not None})
    return record


@server.tool()
def remove_order(id: str) -> dict:
    """Removes a screening order."""
    record = one(orders, id)
    orders.remove(record)
    return record


@server.tool()
def get_invoice(id: str) -> dict:
    """One invoice."""
    return one(invoices, id)


@server.tool()
def update_candidate(id: str, status: str) -> dict:
    """Changes a candidate."""
    record = one(candidates, id)
    record["status"] = status
    return record


@server.tool(structured_output=False)
def fetch_note(id: str) -> str:
    """What is known of a candidate, in words."""
    return f"{one(candidates, id)['name']} earns {one(candidates, id)['salary']}"


@server.tool()
def export_all() -> dict:
    """Everything there is."""
    return {"data": candidates}


if __name__ == "__main__":
    logging.basicConfig(level=logging.CRITICAL)
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    app = server.streamable_http_app(stateless_http=True)
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])
