"""One answer with a call in each dialect, oddly spelled, plain and streamed; and the request that asks for it."""

from collections.abc import Mapping

import msgspec


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """A face and the wire of the same dialect."""

    wire: str
    path: str
    request: bytes
    """With the router's name of the model."""
    sent: bytes
    """The same with the provider's."""
    stream_path: str
    stream_request: bytes
    plain: bytes
    stream: tuple[bytes, ...]
    """Events."""
    error_event: bytes
    terminators: int = 1
    """How many of the last events end the stream."""

    @property
    def whole_stream(self) -> bytes:
        """All events."""
        return b"".join(self.stream)


_CHAT_REQUEST = (
    b'{ "model" : "chat\\/gpt-4.1" ,\n\t"messages": [ {"role":"user","content":"caf\\u00e9 \\/ \xc3\xa9 x"} ],'
    b' "temperature":1.0e0, "tools" :[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]%s }'
)
_MESSAGES_REQUEST = (
    b'{ "max_tokens":100 ,"temperature":1e0, "messages": [ {"role":"user","content":"caf\\u00e9 \\/ x"} ],\r\n'
    b'"model" : "anthropic/claude-sonnet-4-5","tools":[{"name":"f", "input_schema":{"type":"object"}}]%s}\n'
)
_RESPONSES_REQUEST = (
    b'{"input": "caf\\u00e9 \\/ x" , "model":"responses/gpt-5.1", "store": false,'
    b'"tools":[ {"type":"function","name":"f","parameters":{"type":"object"},"strict":null} ]%s}'
)
_GEMINI_REQUEST = (
    b'{ "contents" :[{"parts":[{"text":"caf\\u00e9 \\/ x"}]}],"generation_config":{"temperature":1.0e0},'
    b'"tools":[{"function_declarations":[{"name":"f"}]}] }'
)

OWN: Mapping[str, Own] = {
    "chat": Own(
        wire="chat",
        path="/v1/chat/completions",
        request=_CHAT_REQUEST % b"",
        sent=(_CHAT_REQUEST % b"").replace(b'"chat\\/gpt-4.1"', b'"gpt-4.1"'),
        stream_path="/v1/chat/completions",
        stream_request=_CHAT_REQUEST % b', "stream" : true',
        plain=(
            b'{ "id":"chatcmpl-1", "object":"chat.completion","created":1,"model":"gpt-4.1","new":{"a":1.50},\n'
            b'"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1",'
            b'"type":"function","function":{"name":"f","arguments":"{ \\"n\\": 12345678901234567890 }"}}]},'
            b'"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7} }'
        ),
        stream=(
            b": a comment\n\n",
            b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1",'
            b'"choices":[{"index":0,"delta":{"role":"assistant","content":"caf\xc3\xa9"},"finish_reason":null}]}\n\n',
            b'data:{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1",'
            b'"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f",'
            b'"arguments":"{ \\"n\\": 12345678901234567890"}}]},"finish_reason":null}]}\r\n\r\n',
            b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1",'
            b'"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":" }"}}]},'
            b'"finish_reason":null}]}\n\n',
            b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1",'
            b'"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\n',
            b"data: [DONE]\n\n",
        ),
        error_event=b'data: {"error":{"message":"it broke","type":"server_error","param":null,"code":null}}\n\n',
    ),
    "messages": Own(
        wire="anthropic",
        path="/v1/messages",
        request=_MESSAGES_REQUEST % b"",
        sent=(_MESSAGES_REQUEST % b"").replace(b"anthropic/", b""),
        stream_path="/v1/messages",
        stream_request=_MESSAGES_REQUEST % b',"stream":true',
        plain=(
            b'{ "id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","new":[1.50],\n"content":'
            b'[{"type":"text","text":"caf\\u00e9"},{"type":"tool_use","id":"toolu_1","name":"f","input":'
            b'{ "n": 12345678901234567890 }}],"stop_reason":"tool_use","stop_sequence":null,'
            b'"usage":{"input_tokens":3,"output_tokens":4} }'
        ),
        stream=(
            b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message",'
            b'"role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":null,"stop_sequence":null,'
            b'"usage":{"input_tokens":3,"output_tokens":1}}}\n\n',
            b'event: ping\ndata: {"type": "ping"}\n\n',
            b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":'
            b'"text","text":""}}\n\n',
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
            b'"text":"caf\xc3\xa9"}}\n\n',
            b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\r\n\r\n',
            b'event: content_block_start\ndata: {"type":"content_block_start","index":1,"content_block":{"type":'
            b'"tool_use","id":"toolu_1","name":"f","input":{}}}\n\n',
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":1,"delta":{"type":'
            b'"input_json_delta","partial_json":"{ \\"n\\": 12345678901234567890 }"}}\n\n',
            b'event: content_block_stop\ndata: {"type":"content_block_stop","index":1}\n\n',
            b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":'
            b'null},"usage":{"output_tokens":4}}\n\n',
            b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
        ),
        error_event=b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"it broke"}}\n\n',
    ),
    "responses": Own(
        wire="responses",
        path="/v1/responses",
        request=_RESPONSES_REQUEST % b"",
        sent=(_RESPONSES_REQUEST % b"").replace(b"responses/gpt", b"gpt"),
        stream_path="/v1/responses",
        stream_request=_RESPONSES_REQUEST % b', "stream":true',
        plain=(
            b'{ "id":"resp_1","object":"response","created_at":1,"status":"completed","model":"gpt-5.1","new":1.50,\n'
            b'"error":null,"incomplete_details":null,"output":[{"type":"function_call","id":"fc_1","call_id":"call_1",'
            b'"name":"f","arguments":"{ \\"n\\": 12345678901234567890 }","status":"completed"}],'
            b'"usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7} }'
        ),
        stream=(
            b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1",'
            b'"object":"response","created_at":1,"status":"in_progress","model":"gpt-5.1","output":[]}}\n\n',
            b'event: response.output_item.added\ndata: {"type":"response.output_item.added","sequence_number":1,'
            b'"output_index":0,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"f",'
            b'"arguments":"","status":"in_progress"}}\n\n',
            b'event: response.function_call_arguments.delta\ndata: {"type":"response.function_call_arguments.delta",'
            b'"sequence_number":2,"item_id":"fc_1","output_index":0,"delta":"{ \\"n\\": 12345678901234567890 }"}\n\n',
            b'event: response.function_call_arguments.done\ndata: {"type":"response.function_call_arguments.done",'
            b'"sequence_number":3,"item_id":"fc_1","output_index":0,"name":"f",'
            b'"arguments":"{ \\"n\\": 12345678901234567890 }"}\r\n\r\n',
            b'event: response.output_item.done\ndata: {"type":"response.output_item.done","sequence_number":4,'
            b'"output_index":0,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"f",'
            b'"arguments":"{ \\"n\\": 12345678901234567890 }","status":"completed"}}\n\n',
            b'event: response.completed\ndata: {"type":"response.completed","sequence_number":5,"response":{"id":'
            b'"resp_1","object":"response","created_at":1,"status":"completed","model":"gpt-5.1","output":[{"type":'
            b'"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":'
            b'"{ \\"n\\": 12345678901234567890 }","status":"completed"}],'
            b'"usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}}\n\n',
        ),
        error_event=(
            b'event: error\ndata: {"type":"error","sequence_number":9,"error":{"type":"server_error","code":null,'
            b'"message":"it broke","param":null}}\n\n'
        ),
    ),
    "gemini": Own(
        wire="google",
        path="/v1beta/models/google/gemini-2.5-flash:generateContent",
        request=_GEMINI_REQUEST,
        sent=_GEMINI_REQUEST,
        stream_path="/v1beta/models/google/gemini-2.5-flash:streamGenerateContent?alt=sse",
        stream_request=_GEMINI_REQUEST,
        plain=(
            b'{\n  "candidates": [ {"content":{"parts":[{"functionCall":{"name":"f","args":'
            b'{ "n": 12345678901234567890 }}}],"role":"model"},"finishReason":"STOP","index":0,"new":1.50} ],\n'
            b'  "usageMetadata": {"promptTokenCount":3,"candidatesTokenCount":4,"totalTokenCount":7},\n'
            b'  "modelVersion": "gemini-2.5-flash", "responseId": "r1"\n}\n'
        ),
        stream=(
            b'data: {"candidates": [{"content": {"parts": [{"text": "caf\xc3\xa9"}],"role": "model"},"index": 0}],'
            b'"modelVersion": "gemini-2.5-flash","responseId": "r1"}\r\n\r\n',
            b'data: {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f","args": '
            b'{ "n": 12345678901234567890 }}}],"role": "model"},"index": 0}],"modelVersion": "gemini-2.5-flash",'
            b'"responseId": "r1"}\r\n\r\n',
            b'data: {"candidates": [{"content": {"parts": [{"text": ""}],"role": "model"},"finishReason": "STOP",'
            b'"index": 0}],"usageMetadata": {"promptTokenCount": 3,"candidatesTokenCount": 4,"totalTokenCount": 7},'
            b'"modelVersion": "gemini-2.5-flash","responseId": "r1"}\r\n\r\n',
        ),
        error_event=b'data: {"error": {"code": 500,"message": "it broke","status": "INTERNAL"}}\r\n\r\n',
    ),
}
"""By face."""
