"""The official Python SDK as a client that listens: prints one JSON line when it does, and one for each change.

    listener.py [--mode auto|legacy] [--subscribe URI]… --url URL --token TOKEN

Each line of its standard input is a tool to call, `NAME ARGUMENTS`; it ends when that does.
"""

import argparse
import asyncio
import json
import sys
import warnings

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp_types import ListRootsResult


def say(**what):
    print(json.dumps(what), flush=True)


async def told(message):
    message = getattr(message, "root", message)
    if method := getattr(message, "method", None):
        params = getattr(message, "params", None)
        say(method=method, uri=str(params.uri) if hasattr(params, "uri") else None)


async def no_roots(context):
    return ListRootsResult(roots=[])


async def until_the_end_of_input(client):
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        name, arguments = line.split(" ", 1)
        await client.call_tool(name, json.loads(arguments))


async def listen(client, options):
    if options.mode == "legacy":
        for uri in options.subscribe:
            await client.subscribe_resource(uri)
        say(ready=client.protocol_version, honoured=options.subscribe)
        await until_the_end_of_input(client)
        return
    async with client.listen(tools_list_changed=True, resource_subscriptions=options.subscribe) as subscription:
        say(ready=client.protocol_version, honoured=list(subscription.honored.resource_subscriptions or []))

        async def events():
            async for event in subscription:
                say(event=type(event).__name__, uri=getattr(event, "uri", None))
            say(event="closed", uri=None)

        ends = asyncio.create_task(until_the_end_of_input(client))
        hears = asyncio.create_task(events())
        await asyncio.wait([ends, hears], return_when=asyncio.FIRST_COMPLETED)
        hears.cancel()


async def main(options):
    headers = {"Authorization": f"Bearer {options.token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(30.0, read=300.0), trust_env=False) as http:
        server = streamable_http_client(options.url, http_client=http)
        # With something that can be asked, an app behind a gateway is spoken to in the client's own era.
        more = {"message_handler": told, "list_roots_callback": no_roots} if options.mode == "legacy" else {}
        async with Client(server, mode=options.mode, **more) as client:
            await listen(client, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", default="auto")
    parser.add_argument("--subscribe", action="append", default=[])
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    asyncio.run(main(parser.parse_args()))
