// The official TypeScript SDK as the client that the MCP conformance suite looks at: it uses all that it finds.
//
//   suite-client.mjs [--token TOKEN] URL
//
// The suite says by MCP_CONFORMANCE_PROTOCOL_VERSION which revision to speak and by MCP_CONFORMANCE_CONTEXT which tools to
// call with what; other tools are called with values made up from their schemas. What a server does not offer is skipped.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const words = process.argv.slice(2);
const url = new URL(words.at(-1));
const token = words[0] === '--token' ? words[1] : undefined;
const revision = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION ?? '2026-07-28';
const timeout = 5_000;
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');

// Through a gateway it is the gateway that must leave these tools out: a client of an earlier revision knows nothing of
// the annotations that make them invalid.
const unaware = token !== undefined && process.env.MCP_CONFORMANCE_SCENARIO === 'http-invalid-tool-headers';

const EXAMPLES = { string: 'x', number: 1, integer: 1, boolean: true, array: [], object: {}, null: null };

async function client() {
  const mode = revision < '2026-07-28' || unaware ? 'legacy' : { pin: revision };
  const capabilities = { elicitation: { form: { applyDefaults: true } } };
  const made = new Client({ name: 'suite-client', version: '1' }, { versionNegotiation: { mode }, capabilities });
  made.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: {} }));
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  await made.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }), { timeout });
  return made;
}

// Each tool once, or as often as the suite says.
async function calls(of) {
  const { tools } = await of.listTools(undefined, { timeout });
  const given = context.toolCalls ?? [];
  const told = new Set(given.map((call) => call.name));
  const others = tools.filter((tool) => !told.has(tool.name));
  const names = new Set(tools.map((tool) => tool.name));
  return [
    ...given.filter((call) => names.has(call.name)),
    ...others.map((tool) => ({ name: tool.name, arguments: made(tool, tools) })),
  ];
}

// Arguments that fit the schema of a tool; the one that wants to see a schema gets the richest there is.
function made(tool, tools) {
  if (tool.name === 'json_schema_echo') {
    return { schema: tools.find((other) => other.name === 'json_schema_2020_12_tool')?.inputSchema };
  }
  const { properties = {}, required = [] } = tool.inputSchema;
  return Object.fromEntries(required.map((name) => [name, EXAMPLES[properties[name]?.type] ?? 'x']));
}

// One failure is told, and the rest goes on.
async function attempt(what, work) {
  try {
    await work();
  } catch (error) {
    console.error(`${what}: ${error?.message ?? error}`);
  }
}

const connected = await client();
const offers = connected.getServerCapabilities() ?? {};
await attempt('tools', async () => {
  for (const call of await calls(connected)) await attempt(call.name, () => connected.callTool(call, { timeout }));
});
if (offers.resources) {
  await attempt('resources', async () => {
    const { resources } = await connected.listResources(undefined, { timeout });
    for (const { uri } of resources) await attempt(uri, () => connected.readResource({ uri }, { timeout }));
  });
}
if (offers.prompts) {
  await attempt('prompts', async () => {
    const { prompts } = await connected.listPrompts(undefined, { timeout });
    for (const { name } of prompts) await attempt(name, () => connected.getPrompt({ name, arguments: {} }, { timeout }));
  });
}
await connected.close();
