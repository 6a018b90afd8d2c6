"""A server on the official Python SDK that offers all that the MCP conformance suite looks for.

    everything.py [--port PORT]

Prints `listening on http://127.0.0.1:PORT/mcp` once it listens. The names of tools, prompts and resources, and what they
do, are the suite's; asking the client for something happens in-band up to 2025-11-25 and as `input_required` after it.
"""

import argparse
import json
import logging
import socket
import warnings

import anyio
import mcp_types as types
import uvicorn
from mcp.server.lowlevel.server import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.streamable_http import EventMessage, EventStore
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, PromptsListChanged, ToolsListChanged
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SILENCE = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="
MODERN = "2026-07-28"
EMPTY = {"type": "object", "properties": {}}

bus = InMemorySubscriptionBus()


# === Results


def text(words, **more):
    return types.CallToolResult.model_validate({"content": [{"type": "text", "text": words}], **more})


def blocks(*content):
    return types.CallToolResult.model_validate({"content": list(content)})


def image():
    return {"type": "image", "data": PIXEL, "mimeType": "image/png"}


def embedded(uri, mime, words):
    return {"type": "resource", "resource": {"uri": uri, "mimeType": mime, "text": words}}


def form(message, **properties):
    """The request for a form with these fields, all of them required."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema}}


def sample(words, tokens=100):
    message = {"role": "user", "content": {"type": "text", "text": words}}
    return {"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": tokens}}


def roots():
    return {"method": "roots/list", "params": {}}


def ask(state=None, **requests):
    """The answer that asks the client for something first (2026-07-28)."""
    said = {"inputRequests": requests}
    if state is not None:
        said["requestState"] = state
    return types.InputRequiredResult.model_validate(said)


def answered(params, key, kind):
    """What the client said to the request called `key`, if that is of this kind."""
    said = (params.input_responses or {}).get(key)
    return said if isinstance(said, kind) else None


# === Tools that ask nothing


async def with_logging(ctx, params):
    for words in ["Tool execution started", "Tool processing data", "Tool execution completed"]:
        await ctx.session.send_log_message("info", words, related_request_id=ctx.request_id)
        await anyio.sleep(0.05)
    return text("logged three times")


async def with_progress(ctx, params):
    for done in [0, 50, 100]:
        await ctx.session.report_progress(done, 100)
        await anyio.sleep(0.05)
    return text("went from 0 to 100")


async def reconnection(ctx, params):
    if ctx.close_sse_stream:
        await ctx.close_sse_stream()
    await anyio.sleep(0.1)
    return text("answered after the stream was closed")


async def missing_capability(ctx, params):
    capabilities = ctx.session.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        data = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "this tool needs `sampling`", data)
    return text("the client can sample")


def publishes(event):
    async def publish(ctx, params):
        await bus.publish(event)
        return text("told everyone who listens")

    return publish


# === Tools that ask the client, up to 2025-11-25


async def sampling(ctx, params):
    prompt = (params.arguments or {}).get("prompt", "")
    message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=prompt))
    said = await ctx.session.create_message([message], max_tokens=100, related_request_id=ctx.request_id)
    return text(f"LLM response: {getattr(said.content, 'text', '')}")


def elicits(properties, opening="Elicitation completed"):
    async def elicit(ctx, params):
        message = (params.arguments or {}).get("message", "Please fill this in")
        schema = {"type": "object", "properties": properties, "required": []}
        said = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
        return text(f"{opening}: action={said.action}, content={json.dumps(said.content)}")

    return elicit


CONTACT = {
    "username": {"type": "string", "description": "User's response"},
    "email": {"type": "string", "description": "User's email address"},
}
DEFAULTS = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
TITLED = [{"const": f"value{n}", "title": f"Option {n}"} for n in [1, 2, 3]]
ENUMS = {
    "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
    "titledSingle": {"type": "string", "oneOf": TITLED},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
    "titledMulti": {"type": "array", "items": {"anyOf": TITLED}},
}


# === Tools that ask the client, from 2026-07-28 on

NAME = form("What is your name?", name={"type": "string"})
CONFIRM = form("Please confirm", ok={"type": "boolean"})


async def input_elicitation(ctx, params):
    said = answered(params, "user_name", types.ElicitResult)
    return text(f"Hello, {said.content['name']}!") if said and said.content else ask(user_name=NAME)


async def input_sampling(ctx, params):
    said = answered(params, "capital_question", types.CreateMessageResult)
    return text(said.content.text) if said else ask(capital_question=sample("What is the capital of France?"))


async def input_roots(ctx, params):
    said = answered(params, "client_roots", types.ListRootsResult)
    return text(" ".join(str(root.uri) for root in said.roots)) if said else ask(client_roots=roots())


async def input_state(ctx, params):
    if params.request_state == "asked" and answered(params, "confirm", types.ElicitResult):
        return text("state-ok")
    return ask("asked", confirm=CONFIRM)


async def input_multiple(ctx, params):
    kinds = {"user_name": types.ElicitResult, "greeting": types.CreateMessageResult, "client_roots": types.ListRootsResult}
    if all(answered(params, key, kind) for key, kind in kinds.items()):
        return text("all three were answered")
    return ask("asked", user_name=NAME, greeting=sample("Generate a greeting", 50), client_roots=roots())


async def input_rounds(ctx, params):
    if params.request_state == "second" and answered(params, "step2", types.ElicitResult):
        return text("both steps were answered")
    if params.request_state == "first" and answered(params, "step1", types.ElicitResult):
        return ask("second", step2=form("Step 2: What is your favorite color?", color={"type": "string"}))
    return ask("first", step1=form("Step 1: What is your name?", name={"type": "string"}))


async def input_capabilities(ctx, params):
    capabilities = ctx.session.client_capabilities
    requests = {}
    if capabilities and capabilities.elicitation:
        requests["user_name"] = NAME
    if capabilities and capabilities.sampling is not None:
        requests["greeting"] = sample("Generate a greeting")
    if capabilities and capabilities.roots:
        requests["client_roots"] = roots()
    return ask(**requests) if requests and not params.input_responses else text("nothing more to ask")


async def streaming_elicitation(ctx, params):
    await ctx.session.report_progress(1, 2)
    return await input_elicitation(ctx, params)


def says(result):
    async def say(ctx, params):
        return result

    return say


SCHEMA_2020_12 = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def takes(**properties):
    return {"type": "object", "properties": properties, "required": list(properties)}


WORDS = {"type": "string"}
TOOLS = {
    "test_simple_text": (says(text("This is a simple text response for testing.")), EMPTY),
    "test_image_content": (says(blocks(image())), EMPTY),
    "test_audio_content": (says(blocks({"type": "audio", "data": SILENCE, "mimeType": "audio/wav"})), EMPTY),
    "test_embedded_resource": (
        says(blocks(embedded("test://embedded-resource", "text/plain", "This is an embedded resource content."))),
        EMPTY,
    ),
    "test_multiple_content_types": (
        says(
            blocks(
                {"type": "text", "text": "Multiple content types test:"},
                image(),
                embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
            )
        ),
        EMPTY,
    ),
    "test_error_handling": (says(text("This tool intentionally returns an error for testing", isError=True)), EMPTY),
    "test_tool_with_logging": (with_logging, EMPTY),
    "test_logging_tool": (with_logging, EMPTY),
    "test_tool_with_progress": (with_progress, EMPTY),
    "test_reconnection": (reconnection, EMPTY),
    "test_missing_capability": (missing_capability, EMPTY),
    "test_streaming_elicitation": (streaming_elicitation, EMPTY),
    "test_trigger_tool_change": (publishes(ToolsListChanged()), EMPTY),
    "test_trigger_prompt_change": (publishes(PromptsListChanged()), EMPTY),
    "test_sampling": (sampling, takes(prompt=WORDS)),
    "test_elicitation": (elicits(CONTACT, "User response"), takes(message=WORDS)),
    "test_elicitation_sep1034_defaults": (elicits(DEFAULTS), EMPTY),
    "test_elicitation_sep1330_enums": (elicits(ENUMS), EMPTY),
    "test_input_required_result_elicitation": (input_elicitation, EMPTY),
    "test_input_required_result_sampling": (input_sampling, EMPTY),
    "test_input_required_result_list_roots": (input_roots, EMPTY),
    "test_input_required_result_request_state": (input_state, EMPTY),
    "test_input_required_result_tampered_state": (input_state, EMPTY),
    "test_input_required_result_multiple_inputs": (input_multiple, EMPTY),
    "test_input_required_result_multi_round": (input_rounds, EMPTY),
    "test_input_required_result_capabilities": (input_capabilities, EMPTY),
    "json_schema_2020_12_tool": (says(text("the schema is what matters")), SCHEMA_2020_12),
    "test_header_parameter": (
        says(text("the headers agree with the arguments")),
        takes(region={"type": "string", "x-mcp-header": "Region"}),
    ),
}


# === Resources and prompts

RESOURCES = {
    "test://static-text": {"mimeType": "text/plain", "text": "This is the content of the static text resource."},
    "test://static-binary": {"mimeType": "image/png", "blob": PIXEL},
    "test://watched-resource": {"mimeType": "text/plain", "text": "This one can be subscribed to."},
}
TEMPLATE = "test://template/{id}/data"


def read(uri):
    said = RESOURCES.get(uri)
    if said is None:
        opening, closing = TEMPLATE.split("{id}")
        if not (uri.startswith(opening) and uri.endswith(closing)):
            raise MCPError(types.INVALID_PARAMS, "Resource not found", {"uri": uri})
        name = uri.removeprefix(opening).removesuffix(closing)
        data = {"id": name, "templateTest": True, "data": f"Data for ID: {name}"}
        said = {"mimeType": "application/json", "text": json.dumps(data)}
    return types.ReadResourceResult.model_validate({"contents": [{"uri": uri, **said}]})


def messages(*contents):
    return types.GetPromptResult.model_validate({"messages": [{"role": "user", "content": each} for each in contents]})


def words(said):
    return {"type": "text", "text": said}


PROMPTS = {
    "test_simple_prompt": ([], lambda given: [words("This is a simple prompt for testing.")]),
    "test_prompt_with_arguments": (
        ["arg1", "arg2"],
        lambda given: [words(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'")],
    ),
    "test_prompt_with_embedded_resource": (
        ["resourceUri"],
        lambda given: [
            embedded(given["resourceUri"], "text/plain", "Embedded resource content for testing."),
            words("Please process the embedded resource above."),
        ],
    ),
    "test_prompt_with_image": ([], lambda given: [image(), words("Please analyze the image above.")]),
    "test_input_required_result_prompt": ([], None),
}
CONTEXT = form("What context should the prompt use?", context={"type": "string"})


# === The server


async def list_tools(ctx, params):
    listed = [
        {"name": name, "description": f"The suite's `{name}`", "inputSchema": schema}
        for name, (_, schema) in TOOLS.items()
    ]
    return types.ListToolsResult.model_validate({"tools": listed})


async def call_tool(ctx, params):
    if params.name not in TOOLS:
        raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
    return await TOOLS[params.name][0](ctx, params)


async def list_resources(ctx, params):
    listed = [
        {"uri": uri, "name": uri.removeprefix("test://"), "description": "Always the same", "mimeType": said["mimeType"]}
        for uri, said in RESOURCES.items()
    ]
    return types.ListResourcesResult.model_validate({"resources": listed})


async def list_resource_templates(ctx, params):
    template = {"uriTemplate": TEMPLATE, "name": "template", "description": "Says its id", "mimeType": "application/json"}
    return types.ListResourceTemplatesResult.model_validate({"resourceTemplates": [template]})


async def read_resource(ctx, params):
    return read(str(params.uri))


async def list_prompts(ctx, params):
    listed = [
        {
            "name": name,
            "description": f"The suite's `{name}`",
            "arguments": [{"name": each, "description": each, "required": True} for each in arguments],
        }
        for name, (arguments, _) in PROMPTS.items()
    ]
    return types.ListPromptsResult.model_validate({"prompts": listed})


async def get_prompt(ctx, params):
    if params.name not in PROMPTS:
        raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {params.name}")
    arguments, contents = PROMPTS[params.name]
    if contents is None:
        said = answered(params, "user_context", types.ElicitResult)
        return messages(words(json.dumps(said.content))) if said else ask(user_context=CONTEXT)
    given = params.arguments or {}
    missing = [each for each in arguments if each not in given]
    if missing:
        raise MCPError(types.INVALID_PARAMS, f"Missing arguments: {', '.join(missing)}")
    return messages(*contents(given))


async def complete(ctx, params):
    return types.CompleteResult.model_validate({"completion": {"values": [], "total": 0, "hasMore": False}})


async def empty(ctx, params):
    return types.EmptyResult()


class Remembered(EventStore):
    """Every event of every stream, for clients that come back."""

    def __init__(self):
        self.events = []

    async def store_event(self, stream_id, message):
        self.events.append((stream_id, message))
        return str(len(self.events))

    async def replay_events_after(self, last_event_id, send_callback):
        if not last_event_id.isdigit() or not 0 < int(last_event_id) <= len(self.events):
            return None
        last = int(last_event_id)
        stream = self.events[last - 1][0]
        for at, (of, message) in enumerate(self.events[last:], start=last + 1):
            if of == stream and message is not None:
                await send_callback(EventMessage(message, str(at)))
        return stream


def everything():
    server = Server(
        "everything-python",
        version="1.0.0",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_resource_templates,
        on_read_resource=read_resource,
        on_subscribe_resource=empty,
        on_unsubscribe_resource=empty,
        on_subscriptions_listen=ListenHandler(bus),
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_completion=complete,
        on_set_logging_level=empty,
    )
    server.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=server.name))
    return server.streamable_http_app(event_store=Remembered(), retry_interval=100)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    logging.basicConfig(level=logging.WARNING)
    listener = socket.create_server(("127.0.0.1", options.port))
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    config = uvicorn.Config(everything(), log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
