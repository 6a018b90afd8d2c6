// The official TypeScript SDK as a client: connects, lists the tools, calls one, prints one JSON line.
//
//   client.mjs [--mode auto|legacy|2026-07-28] [--call TOOL [--arguments JSON]] --url URL [--token TOKEN]
//   client.mjs [--mode …] [--call …] [--env NAME=VALUE]… --command PROGRAM ARGUMENT…
//
// With `--opens FOLDER` it opens addresses: it writes each to `FOLDER/url` and says that it did once there is a `FOLDER/go`.
// Exit code 0 if the protocol worked (a tool's own error is in `result.isError`), 1 if the SDK raised.

import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport, getDefaultEnvironment } from '@modelcontextprotocol/client/stdio';

function parse(words) {
  const options = { mode: 'auto', arguments: {}, timeout: 60, env: {} };
  for (let at = 0; at < words.length; at += 2) {
    const name = words[at];
    const value = words[at + 1];
    if (name === '--command') {
      options.command = words.slice(at + 1);
      break;
    }
    if (value === undefined) throw new Error(`\`${name}\` needs a value`);
    if (name === '--arguments') options.arguments = JSON.parse(value);
    else if (name === '--timeout') options.timeout = Number(value);
    else if (name === '--env') options.env[value.split('=', 1)[0]] = value.slice(value.indexOf('=') + 1);
    else if (['--mode', '--url', '--token', '--call', '--opens'].includes(name)) options[name.slice(2)] = value;
    else throw new Error(`\`${name}\` is not an option`);
  }
  if (Boolean(options.url) === Boolean(options.command)) throw new Error('either --url or --command is needed');
  return options;
}

function transport(options) {
  if (options.command) {
    const [command, ...args] = options.command;
    return new StdioClientTransport({ command, args, env: { ...getDefaultEnvironment(), ...options.env } });
  }
  const headers = options.token ? { Authorization: `Bearer ${options.token}` } : {};
  return new StreamableHTTPClientTransport(new URL(options.url), { requestInit: { headers } });
}

async function opened(folder, { params }) {
  writeFileSync(`${folder}/url.part`, params.url);
  renameSync(`${folder}/url.part`, `${folder}/url`);
  while (!existsSync(`${folder}/go`)) await sleep(20);
  return { action: 'accept' };
}

async function talk(options) {
  const known = ['auto', 'legacy'].includes(options.mode);
  const mode = known ? options.mode : { pin: options.mode };
  const capabilities = options.opens ? { elicitation: { url: {} } } : {};
  const client = new Client({ name: 'test-client', version: '1' }, { versionNegotiation: { mode }, capabilities });
  if (options.opens) client.setRequestHandler('elicitation/create', (request) => opened(options.opens, request));
  const timeout = options.timeout * 1000;
  await client.connect(transport(options), { timeout });
  const { tools } = await client.listTools(undefined, { timeout });
  const said = {
    protocol: client.getNegotiatedProtocolVersion() ?? null,
    server: client.getServerVersion()?.name ?? null,
    tools: tools.map((tool) => tool.name),
    result: null,
  };
  if (options.call) {
    said.result = await client.callTool({ name: options.call, arguments: options.arguments }, { timeout });
  }
  await client.close();
  return said;
}

try {
  console.log(JSON.stringify(await talk(parse(process.argv.slice(2)))));
} catch (error) {
  const said = { kind: error?.name ?? 'Error', code: error?.code ?? null, message: String(error?.message ?? error) };
  console.log(JSON.stringify({ error: said }));
  process.exitCode = 1;
}
