// The official TypeScript SDK as a client that takes part: it answers questions, hears messages, listens to changes.
//
//   participant.mjs [--mode legacy|2026-07-28] --tools TOOL,TOOL --url URL
//   participant.mjs [--mode …] --tools TOOL,TOOL --command PROGRAM ARGUMENT…
//
// Calls each tool once, then listens to `note://one` and to the list of tools while it calls `touch` and `change_tools`.
// Prints one JSON line: `{protocol, said, asked, heard, updated, changed}`, or `{error}` with exit code 1.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport, getDefaultEnvironment } from '@modelcontextprotocol/client/stdio';

const URI = 'note://one';
const timeout = 20_000;

function parse(words) {
  const options = { mode: 'legacy', tools: [] };
  for (let at = 0; at < words.length; at += 2) {
    if (words[at] === '--command') {
      options.command = words.slice(at + 1);
      break;
    }
    options[words[at].slice(2)] = words[at + 1];
  }
  return { ...options, tools: options.tools.split(',') };
}

function transport(options) {
  if (!options.command) return new StreamableHTTPClientTransport(new URL(options.url));
  const [command, ...args] = options.command;
  return new StdioClientTransport({ command, args, env: getDefaultEnvironment() });
}

async function talk(options) {
  const legacy = options.mode === 'legacy';
  const capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } };
  const mode = legacy ? 'legacy' : { pin: options.mode };
  const client = new Client({ name: 'participant', version: '1' }, { versionNegotiation: { mode }, capabilities });
  const said = {};
  const asked = [];
  const heard = [];
  const changes = {};
  let changed;
  const both = new Promise((resolve) => {
    changed = (key, value) => {
      changes[key] = value;
      if (Object.keys(changes).length === 2) resolve();
    };
  });
  const answers = {
    'elicitation/create': ({ params }) =>
      params.mode === 'url' ? { action: 'accept' } : { action: 'accept', content: { name: 'Ada' } },
    'sampling/createMessage': () => ({
      role: 'assistant',
      model: 'small-1',
      stopReason: 'endTurn',
      content: { type: 'text', text: 'indeed' },
    }),
    'roots/list': () => ({ roots: [{ uri: 'file:///work', name: 'work' }] }),
  };
  for (const [method, answer] of Object.entries(answers)) {
    client.setRequestHandler(method, (request) => {
      asked.push(method);
      return answer(request);
    });
  }
  client.setNotificationHandler('notifications/message', ({ params }) => void heard.push(params.level));
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => changed('updated', params.uri));
  client.setNotificationHandler('notifications/tools/list_changed', () => changed('changed', true));
  await client.connect(transport(options), { timeout });
  if (legacy) await client.setLoggingLevel('error', { timeout });
  const _meta = legacy ? undefined : { 'io.modelcontextprotocol/logLevel': 'error' };
  const call = async (name, args) => {
    const { content } = await client.callTool({ name, arguments: args, ...(_meta && { _meta }) }, { timeout });
    return content.map((block) => block.text ?? '').join('');
  };
  for (const tool of options.tools) said[tool] = await call(tool, {});
  if (legacy) await client.subscribeResource({ uri: URI }, { timeout });
  else await client.listen({ toolsListChanged: true, resourceSubscriptions: [URI] }, { timeout });
  await call('touch', { uri: URI });
  await call('change_tools', {});
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('no change was told')), 10_000).unref());
  await Promise.race([both, late]);
  const protocol = client.getNegotiatedProtocolVersion() ?? null;
  await client.close();
  return { protocol, said, asked, heard, ...changes };
}

try {
  console.log(JSON.stringify(await talk(parse(process.argv.slice(2)))));
} catch (error) {
  console.log(JSON.stringify({ error: { kind: error?.name ?? 'Error', message: String(error?.message ?? error) } }));
  process.exitCode = 1;
}
