#!/usr/bin/env python3
"""The official OpenAI client against `kanana serve`: everything that it parses for its users.

    kanana serve MODEL --port 8080 &
    VENV/bin/python benches/serve/clients.py --port 8080

The model may be untrained: what is checked is the interface. Packages: openai.
"""

import argparse
import asyncio
import json

import openai

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8080)
parser.add_argument("--key", default="none")
args = parser.parse_args()
url = f"http://127.0.0.1:{args.port}/v1"
client = openai.OpenAI(base_url=url, api_key=args.key, max_retries=0)

model = client.models.list().data[0].id
print("model", model, client.models.retrieve(model).id)
ask = [{"role": "system", "content": "짧게 답한다."}, {"role": "user", "content": "하늬마을의 특산물은?"}]
common = dict(model=model, messages=ask, max_completion_tokens=24, seed=11)

whole = client.chat.completions.create(**common)
assert whole.choices[0].finish_reason in ("stop", "length")
text = whole.choices[0].message.content
assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
print("whole", repr(text), whole.usage)

chunks = list(client.chat.completions.create(**common, stream=True, stream_options={"include_usage": True}))
joined = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
assert joined == text and chunks[-1].usage.total_tokens == whole.usage.total_tokens
print("stream", len(chunks), "chunks, joined the same")

several = client.chat.completions.create(**common, n=3, logprobs=True, top_logprobs=2, stop=["zzz"], presence_penalty=0.5, frequency_penalty=0.5, logit_bias={"5": -100})
assert [choice.index for choice in several.choices] == [0, 1, 2]
assert all(len(entry.top_logprobs) == 2 for choice in several.choices for entry in choice.logprobs.content)
print("n and logprobs", len(several.choices[0].logprobs.content), "tokens")

tools = [{"type": "function", "function": {"name": "weather", "description": "날씨", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "maxLength": 10}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
    "required": ["city", "days"], "additionalProperties": False}}}]
called = client.chat.completions.create(model=model, messages=ask, tools=tools, tool_choice="required", parallel_tool_calls=False, seed=3, max_completion_tokens=400)
call = called.choices[0].message.tool_calls[0]
assert called.choices[0].finish_reason == "tool_calls" and set(json.loads(call.function.arguments)) == {"city", "days"}
print("tool", call.function.name, call.function.arguments)
with client.chat.completions.stream(model=model, messages=ask, tools=tools, tool_choice="required", parallel_tool_calls=False, seed=3, max_completion_tokens=400) as events:
    for event in events:
        pass
    final = events.get_final_completion()
assert final.choices[0].message.tool_calls[0].function.arguments == call.function.arguments
print("tool, streamed: arguments joined are the same")
again = ask + [whole.choices[0].message.model_dump(), {"role": "user", "content": "그럼?"}, called.choices[0].message.model_dump(), {"role": "tool", "tool_call_id": call.id, "content": "맑음"}]
client.chat.completions.create(model=model, messages=again, tools=tools, max_completion_tokens=8)
print("a conversation with what came back goes on")

schema = {"type": "object", "properties": {"이름": {"type": "string", "maxLength": 8}, "나이": {"type": "integer", "minimum": 0, "maximum": 120}}, "required": ["이름", "나이"], "additionalProperties": False}
made = client.chat.completions.create(model=model, messages=ask, seed=5, max_completion_tokens=400, response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}})
assert set(json.loads(made.choices[0].message.content)) == {"이름", "나이"}
print("json_schema", made.choices[0].message.content)

completion = client.completions.create(model=model, prompt=["The bridge", "하늬"], max_tokens=5, logprobs=2, echo=True, temperature=0)
assert len(completion.choices) == 2 and completion.choices[0].text.startswith("The bridge") and completion.choices[0].logprobs.token_logprobs[0] is None
print("completions", [choice.text for choice in completion.choices])

for wrong, kind in [
    (dict(model="nobody"), openai.NotFoundError),
    (dict(temperature=9), openai.BadRequestError),
    (dict(messages=[]), openai.BadRequestError),
    (dict(extra_body={"nonsense": 1}), openai.BadRequestError),
]:
    try:
        client.chat.completions.create(**(common | wrong))
    except kind as error:
        print("refused:", error.body["message"])
    else:
        raise AssertionError(wrong)


async def many():
    together = openai.AsyncOpenAI(base_url=url, api_key=args.key)
    asked = [together.chat.completions.create(**(common | {"seed": seed})) for seed in range(24)]
    return [answer.choices[0].message.content for answer in await asyncio.gather(*asked)]


first, second = asyncio.run(many()), asyncio.run(many())
assert first == second
print("24 at once, twice: the same answers")
