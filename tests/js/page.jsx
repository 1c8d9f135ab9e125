// A stock chat page: nothing here knows which server answers. `?api=` says where it is. With `?chat=` the page keeps its
// messages in this tab under that name, and asks for what goes on when it is loaded again.

import { useChat } from '@ai-sdk/react';
import {
  DefaultChatTransport,
  getToolName,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
} from 'ai';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

const query = new URLSearchParams(window.location.search);
const clientTools = [
  {
    name: 'pick_color',
    description: 'Let the user pick a color.',
    parameters: { type: 'object', properties: { question: { type: 'string' } } },
  },
];
const seen = [];
window.seen = seen;
const chatId = query.get('chat');
const kept = JSON.parse((chatId && sessionStorage.getItem(chatId)) || '{"messages": [], "picked": 0}');
window.kept = kept;

function Chat() {
  const [text, setText] = useState('');
  const chat = useChat({
    ...(chatId && { id: chatId, messages: kept.messages, resume: true }),
    transport: new DefaultChatTransport({ api: query.get('api'), body: { tools: clientTools, sessionId: 's-1' } }),
    sendAutomaticallyWhen: options =>
      lastAssistantMessageIsCompleteWithToolCalls(options) ||
      lastAssistantMessageIsCompleteWithApprovalResponses(options),
    onToolCall({ toolCall }) {
      if (toolCall.toolName !== 'pick_color') return;
      kept.picked += 1;
      chat.addToolOutput({ tool: 'pick_color', toolCallId: toolCall.toolCallId, output: { color: 'blue' } });
    },
  });
  useEffect(() => {
    window.chat = { messages: chat.messages, status: chat.status };
    kept.messages = chat.messages;
    if (chatId) sessionStorage.setItem(chatId, JSON.stringify(kept));
    for (const part of chat.messages.flatMap(message => message.parts)) {
      const state = isToolUIPart(part) && `${getToolName(part)}:${part.state}`;
      if (state && !seen.includes(state)) seen.push(state);
    }
  });
  return (
    <main>
      {chat.messages.map(message => (
        <section key={message.id} className={message.role}>
          {message.parts.map((part, index) => (
            <Part key={index} part={part} respond={chat.addToolApprovalResponse} />
          ))}
        </section>
      ))}
      <p id="status">{chat.status}</p>
      <p id="error">{chat.error?.message}</p>
      <form
        onSubmit={event => {
          event.preventDefault();
          chat.sendMessage({ text });
          setText('');
        }}
      >
        <input id="text" value={text} onChange={event => setText(event.target.value)} />
        <button>Send</button>
        <button type="button" onClick={chat.stop}>Stop</button>
      </form>
    </main>
  );
}

function Part({ part, respond }) {
  if (part.type === 'text') return <p>{part.text}</p>;
  if (!isToolUIPart(part)) return null;
  const answer = (approved, reason) => () => respond({ id: part.approval.id, approved, reason });
  return (
    <div className="tool">
      {getToolName(part)}: {part.state} {JSON.stringify(part.output)} {part.errorText}
      {part.state === 'approval-requested' && (
        <>
          <button onClick={answer(true)}>Approve</button>
          <button onClick={answer(false, 'too expensive')}>Deny</button>
        </>
      )}
    </div>
  );
}

createRoot(document.getElementById('root')).render(<Chat />);
