// Sends one chat request with the AI SDK's own transport and reads the answer with its own reader.
//
// Standard input: {api, id, messages, trigger?, messageId?, body?, headers?}. The last message is continued if it is the
// assistant's. Standard output: {chunks, states, message, errors}, or {refused: {status, body}}.

import { APICallError, DefaultChatTransport, readUIMessageStream } from 'ai';
import { text } from 'node:stream/consumers';

const request = JSON.parse(await text(process.stdin));
const transport = new DefaultChatTransport({ api: request.api, headers: request.headers, body: request.body });

async function send() {
  return transport.sendMessages({
    chatId: request.id ?? 'chat',
    messages: request.messages,
    trigger: request.trigger ?? 'submit-message',
    messageId: request.messageId,
    abortSignal: AbortSignal.timeout(30_000),
  });
}

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

async function read() {
  const [forReader, forList] = (await send()).tee();
  const listed = collect(forList);
  const last = request.messages.at(-1);
  const errors = [];
  const states = [];
  let message;
  const snapshots = readUIMessageStream({
    stream: forReader,
    message: last?.role === 'assistant' ? last : undefined,
    onError: error => errors.push(String(error.message ?? error)),
  });
  for await (message of snapshots) {
    for (const part of message.parts) {
      if (part.toolCallId === undefined) continue;
      const state = `${part.toolCallId}:${part.state}`;
      if (!states.includes(state)) states.push(state);
    }
  }
  return { chunks: await listed, states, message, errors };
}

let outcome;
try {
  outcome = await read();
} catch (error) {
  if (!APICallError.isInstance(error)) throw error;
  outcome = { refused: { status: error.statusCode, body: error.responseBody } };
}
console.log(JSON.stringify(outcome));
