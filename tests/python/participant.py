"""The official Python SDK as a client that takes part: it answers questions, hears messages, listens to changes.

    participant.py [--mode legacy|2026-07-28] --tools TOOL,TOOL --url URL
    participant.py [--mode …] --tools TOOL,TOOL --command PROGRAM ARGUMENT…

Calls each tool once, then listens to `note://one` and to the list of tools while it calls `touch` and `change_tools`.
Prints one JSON line: `{protocol, said, asked, heard, updated, changed}`, or `{error}` with exit code 1.
"""

import argparse
import asyncio
import json
import sys
import warnings

import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ResourceUpdated, ToolsListChanged
from mcp.shared.exceptions import MCPDeprecationWarning

warnings.simplefilter("ignore", MCPDeprecationWarning)
URI = "note://one"


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", default="legacy")
    parser.add_argument("--tools", type=lambda text: text.split(","), default=[])
    parser.add_argument("--url")
    parser.add_argument("--command", nargs=argparse.REMAINDER)
    return parser.parse_args()


class Participant:
    def __init__(self):
        self.asked, self.heard, self.told = [], [], asyncio.Queue()

    async def elicited(self, context, params):
        self.asked.append("elicitation/create")
        if getattr(params, "mode", None) == "url":
            return types.ElicitResult(action="accept")
        return types.ElicitResult(action="accept", content={"name": "Ada"})

    async def sampled(self, context, params):
        self.asked.append("sampling/createMessage")
        content = types.TextContent(type="text", text="indeed")
        return types.CreateMessageResult(role="assistant", model="small-1", content=content)

    async def listed(self, context):
        self.asked.append("roots/list")
        return types.ListRootsResult(roots=[types.Root(uri="file:///work", name="work")])

    async def logged(self, params):
        self.heard.append(params.level)

    async def message(self, message):
        if isinstance(message, types.ResourceUpdatedNotification):
            await self.told.put(("updated", str(message.params.uri)))
        elif isinstance(message, types.ToolListChangedNotification):
            await self.told.put(("changed", True))

    async def talk(self, server, options):
        client = Client(
            server,
            mode=options.mode,
            read_timeout_seconds=20.0,
            elicitation_callback=self.elicited,
            sampling_callback=self.sampled,
            list_roots_callback=self.listed,
            logging_callback=self.logged,
            log_level="error",
            message_handler=self.message,
        )
        async with client:
            if options.mode == "legacy":
                await client.set_logging_level("error")
            said = {}
            for tool in options.tools:
                result = await client.call_tool(tool, {})
                said[tool] = "".join(getattr(block, "text", "") for block in result.content)
            changes = await (self.subscribed(client) if options.mode == "legacy" else self.listened(client))
            return {"protocol": client.protocol_version, "said": said, "asked": self.asked, "heard": self.heard, **changes}

    async def change(self, client):
        await client.call_tool("touch", {"uri": URI})
        await client.call_tool("change_tools", {})

    async def subscribed(self, client):
        """Up to 2025-11-25."""
        await client.subscribe_resource(URI)
        await self.change(client)
        changes = [await asyncio.wait_for(self.told.get(), 10.0) for _ in range(2)]
        await client.unsubscribe_resource(URI)
        return dict(changes)

    async def listened(self, client):
        """From 2026-07-28 on."""
        changes = {}
        async with client.listen(tools_list_changed=True, resource_subscriptions=[URI]) as events:
            await self.change(client)
            async with asyncio.timeout(10.0):
                async for event in events:
                    if isinstance(event, ResourceUpdated):
                        changes["updated"] = str(event.uri)
                    elif isinstance(event, ToolsListChanged):
                        changes["changed"] = True
                    if len(changes) == 2:
                        return changes
        return changes


def innermost(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def main(options):
    if options.command:
        program, *arguments = options.command
        server = StdioServerParameters(command=program, args=arguments)
    else:
        server = streamable_http_client(options.url)
    return await Participant().talk(server, options)


if __name__ == "__main__":
    try:
        print(json.dumps(asyncio.run(main(parse()))))
    except Exception as error:
        cause = innermost(error)
        print(json.dumps({"error": {"kind": type(cause).__name__, "message": str(cause)}}))
        sys.exit(1)
