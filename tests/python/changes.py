"""A server on the official Python SDK whose lists and resources change when its tools are called.

    changes.py --port PORT
    changes.py --stdio

`touch {uri}` changes a resource, `grow {name}` adds a tool, and whoever listens is told: up to 2025-11-25 the sessions that
have subscribed, or listed or added tools.
Over HTTP it prints `listening on http://127.0.0.1:PORT/mcp` once it listens.
"""

import argparse
import asyncio
import logging
import socket
import warnings

import mcp_types as types
import uvicorn
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated, ToolsListChanged
from mcp.shared.exceptions import MCPDeprecationWarning

bus = InMemorySubscriptionBus()
grown = []
subscribed = {}
listed = {}

ONE_WORD = {"type": "object", "properties": {"uri": {"type": "string"}, "name": {"type": "string"}}}


def who(ctx):
    request = getattr(ctx, "request", None)
    return request.headers.get("mcp-session-id") if request else "stdio"


def text(words):
    return types.CallToolResult.model_validate({"content": [{"type": "text", "text": words}]})


async def list_tools(ctx, params):
    if is_legacy(ctx):
        listed[who(ctx)] = ctx.session
    names = ["touch", "grow", *grown]
    return types.ListToolsResult.model_validate({"tools": [{"name": name, "inputSchema": ONE_WORD} for name in names]})


async def call_tool(ctx, params):
    given = params.arguments or {}
    if params.name == "touch":
        await bus.publish(ResourceUpdated(given["uri"]))
        for session in subscribed.get(given["uri"], {}).values():
            await session.send_resource_updated(given["uri"])
        return text("touched")
    if params.name == "grow":
        grown.append(given["name"])
        await bus.publish(ToolsListChanged())
        if is_legacy(ctx):
            listed[who(ctx)] = ctx.session
        for session in listed.values():
            await session.send_tool_list_changed()
        return text("grown")
    return text("as before")


def is_legacy(ctx):
    return ctx.session.protocol_version < "2026-07-28"


async def list_resources(ctx, params):
    return types.ListResourcesResult.model_validate({"resources": [{"uri": "note://one", "name": "one"}]})


async def subscribe(ctx, params):
    subscribed.setdefault(str(params.uri), {})[who(ctx)] = ctx.session
    return types.EmptyResult()


async def unsubscribe(ctx, params):
    subscribed.get(str(params.uri), {}).pop(who(ctx), None)
    return types.EmptyResult()


def changes():
    return Server(
        "changes-python",
        version="1.0.0",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_subscribe_resource=subscribe,
        on_unsubscribe_resource=unsubscribe,
        on_subscriptions_listen=ListenHandler(bus),
    )


async def over_stdio():
    server = changes()
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--stdio", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    logging.basicConfig(level=logging.WARNING)
    if options.stdio:
        asyncio.run(over_stdio())
        return
    listener = socket.create_server(("127.0.0.1", options.port))
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    config = uvicorn.Config(changes().streamable_http_app(), log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
