// Holds the tool conversation of the end-to-end tests through the router, with a vendor's own client.
//
// Standard input: {client, url, key, model, stream, thinking?}. Standard output: {text, calls: [{name, arguments}]}.

import Anthropic from '@anthropic-ai/sdk';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { GoogleGenAI } from '@google/genai';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { text } from 'node:stream/consumers';

const asked = JSON.parse(await text(process.stdin));
const { url, key, model, stream } = asked;
const QUESTION = 'How warm is it in Paris and Rome?';
const MOST_ROUNDS = 6;

const TOOLS = {
  get_weather: {
    description: 'How warm it is.',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    },
    run: ({ city }) => JSON.stringify({ celsius: { Paris: 21, Rome: 28 }[city], city }),
  },
  convert: {
    description: 'From one unit to another.',
    parameters: { type: 'object', properties: { value: {} }, required: ['value'] },
    run: ({ value }) => JSON.stringify({ converted: value }),
  },
};
const calls = [];

function run(name, args) {
  calls.push({ name, arguments: args });
  return TOOLS[name].run(args);
}

async function chat() {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const tools = Object.entries(TOOLS).map(([name, { description, parameters }]) => ({
    type: 'function',
    function: { name, description, parameters },
  }));
  const messages = [{ role: 'user', content: QUESTION }];
  const effort = asked.thinking ? { reasoning_effort: 'medium' } : {};
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const body = { model, messages, tools, ...effort };
    const completion = stream
      ? await client.chat.completions.stream(body).finalChatCompletion()
      : await client.chat.completions.create(body);
    const { message } = completion.choices[0];
    messages.push(message);
    if (!message.tool_calls?.length) return message.content;
    for (const call of message.tool_calls) {
      const content = run(call.function.name, JSON.parse(call.function.arguments));
      messages.push({ role: 'tool', tool_call_id: call.id, content });
    }
  }
}

async function responses() {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const tools = Object.entries(TOOLS).map(([name, { description, parameters }]) => ({
    type: 'function',
    name,
    description,
    parameters,
    strict: false,
  }));
  const input = [{ role: 'user', content: QUESTION }];
  const reasoning = asked.thinking ? { reasoning: { effort: 'medium' } } : {};
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const body = { model, input, tools, store: false, include: ['reasoning.encrypted_content'], ...reasoning };
    const response = stream
      ? await client.responses.stream(body).finalResponse()
      : await client.responses.create(body);
    input.push(...response.output.map(withoutParsed));
    const asking = response.output.filter((item) => item.type === 'function_call');
    if (!asking.length) return response.output_text;
    for (const call of asking) {
      const output = run(call.name, JSON.parse(call.arguments));
      input.push({ type: 'function_call_output', call_id: call.call_id, output });
    }
  }
}

// The stream helper adds what it parsed; OpenAI itself would refuse it.
function withoutParsed({ parsed_arguments, ...item }) {
  if (item.type !== 'message') return item;
  return { ...item, content: item.content.map(({ parsed, ...part }) => part) };
}

async function messagesApi() {
  const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
  const tools = Object.entries(TOOLS).map(([name, { description, parameters }]) => ({
    name,
    description,
    input_schema: parameters,
  }));
  const messages = [{ role: 'user', content: QUESTION }];
  const thinking = asked.thinking ? { thinking: { type: 'enabled', budget_tokens: 1024 } } : {};
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const body = { model, max_tokens: 4000, messages, tools, ...thinking };
    const message = stream ? await client.messages.stream(body).finalMessage() : await client.messages.create(body);
    messages.push({ role: 'assistant', content: message.content });
    const asking = message.content.filter((block) => block.type === 'tool_use');
    if (!asking.length) return message.content.filter((b) => b.type === 'text').map((b) => b.text).join('');
    messages.push({
      role: 'user',
      content: asking.map((block) => ({
        type: 'tool_result',
        tool_use_id: block.id,
        content: run(block.name, block.input),
      })),
    });
  }
}

async function gemini() {
  const client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });
  const functionDeclarations = Object.entries(TOOLS).map(([name, { description, parameters }]) => ({
    name,
    description,
    parametersJsonSchema: parameters,
  }));
  const contents = [{ role: 'user', parts: [{ text: QUESTION }] }];
  const config = { tools: [{ functionDeclarations }] };
  if (asked.thinking) config.thinkingConfig = { includeThoughts: true };
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const body = { model, contents, config };
    const parts = [];
    if (stream) {
      for await (const chunk of await client.models.generateContentStream(body)) {
        parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
      }
    } else {
      parts.push(...(await client.models.generateContent(body)).candidates[0].content.parts);
    }
    contents.push({ role: 'model', parts });
    const asking = parts.filter((part) => part.functionCall);
    if (!asking.length) return parts.filter((part) => part.text && !part.thought).map((part) => part.text).join('');
    contents.push({
      role: 'user',
      parts: asking.map(({ functionCall: { id, name, args } }) => ({
        functionResponse: { id, name, response: { output: run(name, args ?? {}) } },
      })),
    });
  }
}

async function aiSdk(provider) {
  const tools = Object.fromEntries(
    Object.entries(TOOLS).map(([name, { description, parameters }]) => [
      name,
      tool({ description, inputSchema: jsonSchema(parameters), execute: async (args) => run(name, args) }),
    ]),
  );
  const request = {
    model: provider,
    prompt: QUESTION,
    tools,
    stopWhen: stepCountIs(MOST_ROUNDS),
    maxRetries: 0,
    // The router stores nothing, so items go whole and not by their ids.
    providerOptions: { openai: { store: false } },
  };
  if (!stream) return (await generateText(request)).text;
  const failures = [];
  const result = streamText({ ...request, onError: ({ error }) => failures.push(error) });
  const said = await result.text;
  if (failures.length) throw failures[0];
  return said;
}

const CLIENTS = {
  openai: chat,
  'openai-responses': responses,
  anthropic: messagesApi,
  google: gemini,
  'ai-openai-chat': () => aiSdk(createOpenAI({ baseURL: `${url}/v1`, apiKey: key }).chat(model)),
  'ai-openai-responses': () => aiSdk(createOpenAI({ baseURL: `${url}/v1`, apiKey: key }).responses(model)),
  'ai-anthropic': () => aiSdk(createAnthropic({ baseURL: `${url}/v1`, apiKey: key })(model)),
  'ai-google': () => aiSdk(createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: key })(`models/${model}`)),
};

console.log(JSON.stringify({ text: await CLIENTS[asked.client](), calls }));
