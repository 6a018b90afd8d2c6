"""A vendor's agent on the official Python SDK, without a secret of the gateway's.

    vendor_agent.py URL --signs KEY.pem CLIENT_ID       signs who it is (private_key_jwt, ES256) and finds out by itself where to
    vendor_agent.py URL --token TOKEN --authority CA    shows a token that it was given
    vendor_agent.py URL --certificate CERT KEY --authority CA    shows its certificate

Lists the tools, calls `get_candidate` once, prints one JSON line: `{tools, result}`, or `{error}` with exit code 1.
"""

import argparse
import asyncio
import json
import pathlib
import ssl
import sys

import httpx2
from mcp import Client
from mcp.client.auth.extensions.client_credentials import PrivateKeyJWTOAuthProvider, SignedJWTParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthToken


class Memory:
    """Keeps the tokens of one run."""

    def __init__(self):
        self.tokens, self.client = None, None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--signs", nargs=2)
    parser.add_argument("--issuer")
    parser.add_argument("--certificate", nargs=2)
    parser.add_argument("--authority")
    parser.add_argument("--token")
    return parser.parse_args()


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


async def main(options):
    more = {}
    if options.signs:
        more["auth"] = signing(options)
    if options.authority:
        context = ssl.create_default_context(cafile=options.authority)
        if options.certificate:
            context.load_cert_chain(*options.certificate)
        more["verify"] = context
    if options.token:
        more["headers"] = {"Authorization": f"Bearer {options.token}"}
    async with httpx2.AsyncClient(timeout=30.0, trust_env=False, **more) as http:
        async with Client(streamable_http_client(options.url, http_client=http)) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            # At the endpoint of all apps it has its app's name before its own.
            named = next((tool for tool in tools if tool.endswith("get_candidate")), "get_candidate")
            result = await client.call_tool(named, {"id": "c_0"})
            return {
                "tools": tools,
                "result": result.model_dump(mode="json", by_alias=True, exclude_none=True),
            }


def innermost(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    try:
        print(json.dumps(asyncio.run(main(parse()))))
    except Exception as error:
        cause = innermost(error)
        print(json.dumps({"error": {"kind": type(cause).__name__, "message": str(cause)}}))
        sys.exit(1)
