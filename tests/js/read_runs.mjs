// Reads many recorded streams with the AI SDK's own transport (its schema of chunks included) and message reader.
//
// Standard input: {runs}: each a list of {chunks, answers}, the streams of one message; after each, `answers` are laid
// over the parts of their calls, as a page would. Standard output: {runs}: for each stream {message, errors, goesOn,
// goesOnAnswered}, which say whether a stock page would send the message again by itself, before and after the answers.

import {
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  readUIMessageStream,
} from 'ai';
import { text } from 'node:stream/consumers';

const { runs } = JSON.parse(await text(process.stdin));

function goesOn(message) {
  const chat = { messages: message ? [message] : [] };
  return lastAssistantMessageIsCompleteWithToolCalls(chat) || lastAssistantMessageIsCompleteWithApprovalResponses(chat);
}

async function readStream(chunks, message) {
  const body = [...chunks.map(chunk => JSON.stringify(chunk)), '[DONE]'].map(data => `data: ${data}\n\n`).join('');
  const fetch = async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  const transport = new DefaultChatTransport({ api: 'http://service.invalid/', fetch });
  const stream = await transport.sendMessages({ chatId: 'c', messages: [], trigger: 'submit-message' });
  const errors = [];
  const onError = error => errors.push(String(error.message ?? error));
  for await (message of readUIMessageStream({ stream, message, onError }));
  return { message, errors };
}

async function readRun(streams) {
  const outcomes = [];
  let message;
  for (const { chunks, answers } of streams) {
    const read = await readStream(chunks, message);
    const outcome = { ...read, goesOn: goesOn(read.message) };
    message = structuredClone(read.message);
    for (const part of message?.parts ?? []) Object.assign(part, answers[part.toolCallId] ?? {});
    outcomes.push({ ...outcome, goesOnAnswered: goesOn(message) });
  }
  return outcomes;
}

console.log(JSON.stringify({ runs: await Promise.all(runs.map(readRun)) }));
