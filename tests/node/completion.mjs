// The official client of the chat completions API asks an endpoint with the request that it is given on standard input, and prints
// what it understood of the answer: status, finish reason and the words.
import OpenAI from "openai";

const [url] = process.argv.slice(2);
let text = "";
for await (const piece of process.stdin) text += piece;
const client = new OpenAI({ baseURL: url, apiKey: "key-of-the-test", maxRetries: 0, timeout: 5000 });
try {
  const completion = await client.chat.completions.create(JSON.parse(text));
  const [choice] = completion.choices;
  console.log(JSON.stringify({ finish: choice.finish_reason, content: choice.message.content }));
} catch (error) {
  console.log(JSON.stringify({ status: error.status ?? null, kind: error.constructor.name }));
}
