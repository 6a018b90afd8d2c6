// The official TypeScript SDK of 2025-11-25 as a client that wants a task: calls one tool, follows it, prints one JSON line.
//
//   tasks.mjs --url URL --token TOKEN --call TOOL --arguments JSON
//
// `{statuses, result}` or `{error}` with exit code 1.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

async function talk(words) {
  const options = {};
  for (let at = 0; at < words.length; at += 2) options[words[at].slice(2)] = words[at + 1];
  const headers = { Authorization: `Bearer ${options.token}` };
  const client = new Client({ name: 'tasks-client', version: '1' }, { capabilities: { tasks: {} } });
  await client.connect(new StreamableHTTPClientTransport(new URL(options.url), { requestInit: { headers } }));
  const params = { name: options.call, arguments: JSON.parse(options.arguments) };
  const said = { statuses: [], result: null };
  for await (const message of client.experimental.tasks.callToolStream(params, undefined, { task: { ttl: 60_000 } })) {
    if (message.type === 'error') throw message.error;
    if (message.type === 'result') said.result = message.result;
    else said.statuses.push(message.task.status);
  }
  await client.close();
  return said;
}

// A stream on which a client listens would keep the program alive.
try {
  console.log(JSON.stringify(await talk(process.argv.slice(2))));
  process.exit(0);
} catch (error) {
  console.log(JSON.stringify({ error: { kind: error?.name ?? 'Error', message: String(error?.message ?? error) } }));
  process.exit(1);
}
