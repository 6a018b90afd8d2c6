// A server on the official TypeScript SDK that offers all that the MCP conformance suite looks for.
//
//   everything.mjs [--port PORT]
//
// Prints `listening on http://127.0.0.1:PORT/mcp` once it listens. The names of tools, prompts and resources, and what
// they do, are the suite's; asking the client for something happens in-band up to 2025-11-25 and as `input_required`
// after it.

import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';

import {
  CLIENT_CAPABILITIES_META_KEY,
  INVALID_PARAMS,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ResourceNotFoundError,
  Server,
  WebStandardStreamableHTTPServerTransport,
  createMcpHandler,
  createRequestStateCodec,
  hostHeaderValidationResponse,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
} from '@modelcontextprotocol/server';

const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const SILENCE = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';
const EMPTY = { type: 'object', properties: {} };
const WORDS = { type: 'string' };

const states = createRequestStateCodec({ key: randomBytes(32) });

// === Results

const words = (text) => ({ type: 'text', text });
const image = () => ({ type: 'image', data: PIXEL, mimeType: 'image/png' });
const embedded = (uri, mimeType, text) => ({ type: 'resource', resource: { uri, mimeType, text } });
const blocks = (...content) => ({ content });
const says = (result) => async () => result;
const takes = (properties) => ({ type: 'object', properties, required: Object.keys(properties) });

function form(message, properties) {
  return { method: 'elicitation/create', params: { message, requestedSchema: takes(properties) } };
}

function sample(text, maxTokens = 100) {
  const messages = [{ role: 'user', content: words(text) }];
  return { method: 'sampling/createMessage', params: { messages, maxTokens } };
}

const roots = () => ({ method: 'roots/list', params: {} });

// The answer that asks the client for something first (2026-07-28).
async function ask(inputRequests, state) {
  const requestState = state === undefined ? {} : { requestState: await states.mint(state) };
  return { resultType: 'input_required', inputRequests, ...requestState };
}

// What the client said to the request called `key`, if it has the field that answers of this kind have.
function answered(ctx, key, field) {
  const said = ctx.mcpReq.inputResponses?.[key];
  return said && typeof said === 'object' && field in said ? said : undefined;
}

// === Tools that ask nothing

async function withLogging(request, ctx) {
  for (const text of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    await ctx.mcpReq.log('info', text);
    await pause(50);
  }
  return blocks(words('logged three times'));
}

async function withProgress(request, ctx) {
  for (const done of [0, 50, 100]) {
    await report(ctx, done, 100);
    await pause(50);
  }
  return blocks(words('went from 0 to 100'));
}

async function report(ctx, progress, total) {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  if (progressToken === undefined) return;
  await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total } });
}

async function reconnection(request, ctx) {
  ctx.http?.closeSSE?.();
  await pause(100);
  return blocks(words('answered after the stream was closed'));
}

const declared = (ctx) => ctx.mcpReq.envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {};

async function missingCapability(request, ctx) {
  if (!declared(ctx).sampling) throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
  return blocks(words('the client can sample'));
}

const publishes = (event) => async () => {
  event();
  return blocks(words('told everyone who listens'));
};

// === Tools that ask the client, up to 2025-11-25

async function sampling(request, ctx) {
  const said = await ctx.mcpReq.requestSampling(sample(request.params.arguments?.prompt ?? '').params);
  return blocks(words(`LLM response: ${said.content.text}`));
}

const elicits = (properties, opening = 'Elicitation completed') => async (request, ctx) => {
  const message = request.params.arguments?.message ?? 'Please fill this in';
  const requestedSchema = { type: 'object', properties, required: [] };
  const said = await ctx.mcpReq.elicitInput({ mode: 'form', message, requestedSchema });
  return blocks(words(`${opening}: action=${said.action}, content=${JSON.stringify(said.content)}`));
};

const CONTACT = {
  username: { type: 'string', description: "User's response" },
  email: { type: 'string', description: "User's email address" },
};
const DEFAULTS = {
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
};
const OPTIONS = ['option1', 'option2', 'option3'];
const TITLED = [1, 2, 3].map((number) => ({ const: `value${number}`, title: `Option ${number}` }));
const ENUMS = {
  untitledSingle: { type: 'string', enum: OPTIONS },
  titledSingle: { type: 'string', oneOf: TITLED },
  legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['One', 'Two', 'Three'] },
  untitledMulti: { type: 'array', items: { type: 'string', enum: OPTIONS } },
  titledMulti: { type: 'array', items: { anyOf: TITLED } },
};

// === Tools that ask the client, from 2026-07-28 on

const NAME = form('What is your name?', { name: WORDS });
const CONFIRM = form('Please confirm', { ok: { type: 'boolean' } });

async function inputElicitation(request, ctx) {
  const said = answered(ctx, 'user_name', 'content');
  return said ? blocks(words(`Hello, ${said.content.name}!`)) : ask({ user_name: NAME });
}

async function inputSampling(request, ctx) {
  const said = answered(ctx, 'capital_question', 'content');
  return said ? blocks(said.content) : ask({ capital_question: sample('What is the capital of France?') });
}

async function inputRoots(request, ctx) {
  const said = answered(ctx, 'client_roots', 'roots');
  return said ? blocks(words(said.roots.map((root) => root.uri).join(' '))) : ask({ client_roots: roots() });
}

async function inputState(request, ctx) {
  if (ctx.mcpReq.requestState() === 'asked' && answered(ctx, 'confirm', 'action')) return blocks(words('state-ok'));
  return ask({ confirm: CONFIRM }, 'asked');
}

async function inputMultiple(request, ctx) {
  const fields = { user_name: 'action', greeting: 'content', client_roots: 'roots' };
  if (Object.entries(fields).every(([key, field]) => answered(ctx, key, field))) {
    return blocks(words('all three were answered'));
  }
  return ask({ user_name: NAME, greeting: sample('Generate a greeting', 50), client_roots: roots() }, 'asked');
}

async function inputRounds(request, ctx) {
  const state = ctx.mcpReq.requestState();
  if (state === 'second' && answered(ctx, 'step2', 'action')) return blocks(words('both steps were answered'));
  if (state === 'first' && answered(ctx, 'step1', 'action')) {
    return ask({ step2: form('Step 2: What is your favorite color?', { color: WORDS }) }, 'second');
  }
  return ask({ step1: form('Step 1: What is your name?', { name: WORDS }) }, 'first');
}

async function inputCapabilities(request, ctx) {
  const { elicitation, sampling: samples, roots: lists } = declared(ctx);
  const requests = {
    ...(elicitation && { user_name: NAME }),
    ...(samples && { greeting: sample('Generate a greeting') }),
    ...(lists && { client_roots: roots() }),
  };
  if (Object.keys(requests).length > 0 && !ctx.mcpReq.inputResponses) return ask(requests);
  return blocks(words('nothing more to ask'));
}

async function streamingElicitation(request, ctx) {
  await report(ctx, 1, 2);
  return inputElicitation(request, ctx);
}

const SCHEMA_2020_12 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: WORDS, city: WORDS } } },
  properties: {
    name: WORDS,
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: WORDS,
    email: WORDS,
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

const TOOLS = {
  test_simple_text: [says(blocks(words('This is a simple text response for testing.')))],
  test_image_content: [says(blocks(image()))],
  test_audio_content: [says(blocks({ type: 'audio', data: SILENCE, mimeType: 'audio/wav' }))],
  test_embedded_resource: [
    says(blocks(embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.'))),
  ],
  test_multiple_content_types: [
    says(
      blocks(
        words('Multiple content types test:'),
        image(),
        embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
      ),
    ),
  ],
  test_error_handling: [
    says({ ...blocks(words('This tool intentionally returns an error for testing')), isError: true }),
  ],
  test_tool_with_logging: [withLogging],
  test_logging_tool: [withLogging],
  test_tool_with_progress: [withProgress],
  test_reconnection: [reconnection],
  test_missing_capability: [missingCapability],
  test_streaming_elicitation: [streamingElicitation],
  test_trigger_tool_change: [publishes(() => modern.notify.toolsChanged())],
  test_trigger_prompt_change: [publishes(() => modern.notify.promptsChanged())],
  test_sampling: [sampling, takes({ prompt: WORDS })],
  test_elicitation: [elicits(CONTACT, 'User response'), takes({ message: WORDS })],
  test_elicitation_sep1034_defaults: [elicits(DEFAULTS)],
  test_elicitation_sep1330_enums: [elicits(ENUMS)],
  test_input_required_result_elicitation: [inputElicitation],
  test_input_required_result_sampling: [inputSampling],
  test_input_required_result_list_roots: [inputRoots],
  test_input_required_result_request_state: [inputState],
  test_input_required_result_tampered_state: [inputState],
  test_input_required_result_multiple_inputs: [inputMultiple],
  test_input_required_result_multi_round: [inputRounds],
  test_input_required_result_capabilities: [inputCapabilities],
  json_schema_2020_12_tool: [says(blocks(words('the schema is what matters'))), SCHEMA_2020_12],
  test_header_parameter: [
    says(blocks(words('the headers agree with the arguments'))),
    takes({ region: { type: 'string', 'x-mcp-header': 'Region' } }),
  ],
};

// === Resources and prompts

const RESOURCES = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: PIXEL },
  'test://watched-resource': { mimeType: 'text/plain', text: 'This one can be subscribed to.' },
};
const TEMPLATE = 'test://template/{id}/data';

function read(uri) {
  if (Object.hasOwn(RESOURCES, uri)) return { contents: [{ uri, ...RESOURCES[uri] }] };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id === undefined) throw new ResourceNotFoundError(uri);
  const text = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
  return { contents: [{ uri, mimeType: 'application/json', text }] };
}

const PROMPTS = {
  test_simple_prompt: [[], () => [words('This is a simple prompt for testing.')]],
  test_prompt_with_arguments: [
    ['arg1', 'arg2'],
    ({ arg1, arg2 }) => [words(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  ],
  test_prompt_with_embedded_resource: [
    ['resourceUri'],
    ({ resourceUri }) => [
      embedded(resourceUri, 'text/plain', 'Embedded resource content for testing.'),
      words('Please process the embedded resource above.'),
    ],
  ],
  test_prompt_with_image: [[], () => [image(), words('Please analyze the image above.')]],
  test_input_required_result_prompt: [[], null],
};
const CONTEXT = form('What context should the prompt use?', { context: WORDS });

async function prompt({ params }, ctx) {
  if (!Object.hasOwn(PROMPTS, params.name)) throw new ProtocolError(INVALID_PARAMS, `Unknown prompt: ${params.name}`);
  const [names, contents] = PROMPTS[params.name];
  const messages = (...all) => ({ messages: all.map((content) => ({ role: 'user', content })) });
  if (contents === null) {
    const said = answered(ctx, 'user_context', 'content');
    return said ? messages(words(JSON.stringify(said.content))) : ask({ user_context: CONTEXT });
  }
  const given = params.arguments ?? {};
  const missing = names.filter((name) => !(name in given));
  if (missing.length > 0) throw new ProtocolError(INVALID_PARAMS, `Missing arguments: ${missing.join(', ')}`);
  return messages(...contents(given));
}

// === The server

function everything({ era }) {
  const subscribe = { subscribe: true, listChanged: true };
  const capabilities = {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: subscribe,
    completions: {},
    logging: {},
  };
  const server = new Server(
    { name: 'everything-typescript', version: '1.0.0' },
    { capabilities, requestState: { verify: states.verify } },
  );
  const described = (name) => ({ name, description: `The suite's \`${name}\`` });
  server.setRequestHandler('tools/list', () => ({
    tools: Object.entries(TOOLS).map(([name, [, inputSchema = EMPTY]]) => ({ ...described(name), inputSchema })),
  }));
  server.setRequestHandler('tools/call', (request, ctx) => {
    const { name } = request.params;
    if (!Object.hasOwn(TOOLS, name)) throw new ProtocolError(INVALID_PARAMS, `Unknown tool: ${name}`);
    return TOOLS[name][0](request, ctx);
  });
  server.setRequestHandler('resources/list', () => ({
    resources: Object.entries(RESOURCES).map(([uri, { mimeType }]) => ({ uri, ...described(uri.slice(7)), mimeType })),
  }));
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [{ uriTemplate: TEMPLATE, ...described('template'), mimeType: 'application/json' }],
  }));
  server.setRequestHandler('resources/read', (request) => read(request.params.uri));
  server.setRequestHandler('prompts/list', () => ({
    prompts: Object.entries(PROMPTS).map(([name, [names]]) => ({
      ...described(name),
      arguments: names.map((each) => ({ name: each, description: each, required: true })),
    })),
  }));
  server.setRequestHandler('prompts/get', prompt);
  server.setRequestHandler('completion/complete', () => ({ completion: { values: [], total: 0, hasMore: false } }));
  if (era === 'legacy') {
    server.setRequestHandler('resources/subscribe', () => ({}));
    server.setRequestHandler('resources/unsubscribe', () => ({}));
  }
  return server;
}

// === Over HTTP: sessions up to 2025-11-25, none after it

const modern = createMcpHandler(everything, { legacy: 'reject' });
const sessions = new Map();

// Every event of a session's streams, for clients that come back.
function remembered() {
  const events = [];
  const streamOf = (id) => events[Number(id) - 1]?.streamId;
  return {
    storeEvent: async (streamId, message) => String(events.push({ streamId, message })),
    getStreamIdForEventId: async (id) => streamOf(id),
    replayEventsAfter: async (last, { send }) => {
      for (const [at, { streamId, message }] of events.entries()) {
        const wanted = at >= Number(last) && streamId === streamOf(last) && Object.keys(message).length > 0;
        if (wanted) await send(String(at + 1), message);
      }
      return streamOf(last);
    },
  };
}

async function legacy(request) {
  const known = sessions.get(request.headers.get('mcp-session-id'));
  if (known) return known.handleRequest(request);
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: remembered(),
    retryInterval: 100,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  });
  if (request.headers.has('mcp-session-id')) return new Response('no such session', { status: 404 });
  await everything({ era: 'legacy' }).connect(transport);
  return transport.handleRequest(request);
}

async function answer(request) {
  const refused =
    hostHeaderValidationResponse(request, localhostAllowedHostnames()) ??
    originValidationResponse(request, localhostAllowedOrigins());
  if (refused) return refused;
  return (await isLegacyRequest(request)) ? legacy(request) : modern.fetch(request);
}

async function serve(incoming, outgoing) {
  const left = new AbortController();
  outgoing.on('close', () => left.abort());
  const body = ['GET', 'HEAD'].includes(incoming.method) ? {} : { body: Readable.toWeb(incoming), duplex: 'half' };
  const headers = new Headers();
  for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
    headers.append(incoming.rawHeaders[at], incoming.rawHeaders[at + 1]);
  }
  const url = `http://127.0.0.1${incoming.url}`;
  const response = await answer(new Request(url, { method: incoming.method, headers, signal: left.signal, ...body }));
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.flushHeaders();
  for await (const chunk of response.body ?? []) outgoing.write(chunk);
  outgoing.end();
}

const option = process.argv.indexOf('--port');
const server = createServer((incoming, outgoing) => {
  serve(incoming, outgoing).catch((error) => {
    if (!outgoing.destroyed) console.error(error);
    outgoing.destroy();
  });
});
server.listen(option < 0 ? 0 : Number(process.argv[option + 1]), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/mcp`);
});
