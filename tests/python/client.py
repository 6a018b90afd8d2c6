"""The official Python SDK as a client: connects, lists the tools, calls one, prints one JSON line.

    client.py [--mode auto|legacy|2026-07-28] [--call TOOL [--arguments JSON]] --url URL [--token TOKEN]
    client.py [--mode …] [--call …] [--env NAME=VALUE]… --command PROGRAM ARGUMENT…
    client.py [--mode …] --calls '[["TOOL", {"ARGUMENT": …}], …]' --url URL --token TOKEN

In place of `--token`, what a vendor has itself: `--signs KEY.pem CLIENT_ID --issuer ISSUER` (private_key_jwt with ES256; where tokens come from is found
out), or `--certificate CERTIFICATE KEY`. `--authority FILE` is whom it trusts over TLS. With `--opens FOLDER` it opens addresses: it writes each to `FOLDER/url` and says that it did once there is a `FOLDER/go`.
Exit code 0 if the protocol worked (a tool's own error is in `result.isError`), 1 if the SDK raised.
"""

import argparse
import asyncio
import json
import pathlib
import ssl
import sys

import httpx2
import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client.auth.extensions.client_credentials import PrivateKeyJWTOAuthProvider, SignedJWTParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", default="auto")
    parser.add_argument("--url")
    parser.add_argument("--token")
    parser.add_argument("--signs", nargs=2)
    parser.add_argument("--issuer")
    parser.add_argument("--certificate", nargs=2)
    parser.add_argument("--authority")
    parser.add_argument("--call")
    parser.add_argument("--arguments", type=json.loads, default={})
    parser.add_argument("--calls", type=json.loads, default=[])
    parser.add_argument("--timeout", type=float, default=60.0)
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--opens", type=pathlib.Path)
    parser.add_argument("--command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if bool(options.url) == bool(options.command):
        parser.error("either --url or --command is needed")
    return options


def opener(folder):
    async def opened(context, params):
        (folder / "url.part").write_text(params.url)
        (folder / "url.part").rename(folder / "url")
        while not (folder / "go").exists():
            await asyncio.sleep(0.02)
        return types.ElicitResult(action="accept")

    return opened


class Memory:
    """Keeps the tokens of one run."""

    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def signing(options):
    key, client = options.signs
    signs = SignedJWTParameters(
        issuer=client, subject=client, signing_key=pathlib.Path(key).read_text(), signing_algorithm="ES256"
    )
    return PrivateKeyJWTOAuthProvider(
        server_url=options.url,
        storage=Memory(),
        client_id=client,
        assertion_provider=signs.create_assertion_provider(),
        issuer=options.issuer,
    )


def trusting(options):
    context = ssl.create_default_context(cafile=options.authority)
    if options.certificate:
        context.load_cert_chain(*options.certificate)
    return context


async def talk(server, options):
    more = {"elicitation_callback": opener(options.opens)} if options.opens else {}
    async with Client(server, mode=options.mode, read_timeout_seconds=options.timeout, **more) as client:
        tools = await client.list_tools()
        said = {
            "protocol": client.protocol_version,
            "server": client.server_info.name if client.server_info else None,
            "tools": [tool.name for tool in tools.tools],
            "result": None,
        }
        if options.call:
            result = await client.call_tool(options.call, options.arguments)
            said["result"] = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        said["results"] = [await told(client, tool, arguments) for tool, arguments in options.calls]
        return said


async def told(client, tool, arguments):
    try:
        result = await client.call_tool(tool, arguments)
        return result.model_dump(mode="json", by_alias=True, exclude_none=True)
    except MCPError as error:
        return {"error": {"code": error.error.code, "message": str(error)}}


async def main(options):
    if options.command:
        program, *arguments = options.command
        env = dict(pair.split("=", 1) for pair in options.env)
        return await talk(StdioServerParameters(command=program, args=arguments, env=env), options)
    headers = {"Authorization": f"Bearer {options.token}"} if options.token else {}
    timeout = httpx2.Timeout(30.0, read=options.timeout)
    more = {"auth": signing(options)} if options.signs else {}
    if options.authority:
        more["verify"] = trusting(options)
    async with httpx2.AsyncClient(headers=headers, timeout=timeout, trust_env=False, **more) as http:
        return await talk(streamable_http_client(options.url, http_client=http), options)


def innermost(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    try:
        print(json.dumps(asyncio.run(main(parse()))))
    except Exception as error:
        cause = innermost(error)
        code = cause.error.code if isinstance(cause, MCPError) else None
        print(json.dumps({"error": {"kind": type(cause).__name__, "code": code, "message": str(cause)}}))
        sys.exit(1)
