"""The unmodified `openai` client."""

import math
import time

import openai
import pytest

HI = [{"role": "user", "content": "Say hello."}]


def test_models_are_listed_and_found(client, model):
    assert model in [m.id for m in client.models.list()]
    found = client.models.retrieve(model)
    assert found.id == model and found.object == "model"
    assert found.context_length > 0 and "text" in found.modalities["input"]


def test_an_unknown_model_is_a_404_that_lists_the_known(client, model):
    with pytest.raises(openai.NotFoundError) as error:
        client.chat.completions.create(model="no-such-model", messages=HI, max_tokens=1)
    assert error.value.code == "model_not_found" and model in error.value.message


def test_chat(client, model):
    answer = client.chat.completions.create(model=model, messages=HI, max_tokens=8, temperature=0)
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-") and answer.system_fingerprint
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content and choice.finish_reason in ("stop", "length")
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens and 0 < usage.completion_tokens <= 8
    assert usage.prompt_tokens_details.cached_tokens == 0
    assert answer.timings["predicted_n"] == usage.completion_tokens


def test_greedy_is_repeatable_and_streams_the_same(client, model):
    ask = dict(model=model, messages=HI, max_tokens=12, temperature=0)
    whole = client.chat.completions.create(**ask).choices[0].message.content
    assert client.chat.completions.create(**ask).choices[0].message.content == whole
    chunks = list(client.chat.completions.create(**ask, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == whole
    assert [c.choices[0].finish_reason for c in chunks][-1] in ("stop", "length")
    assert all(c.choices[0].finish_reason is None for c in chunks[:-1])
    assert len({c.id for c in chunks}) == 1 and chunks[0].object == "chat.completion.chunk"


def test_usage_comes_last_when_asked_for(client, model):
    chunks = list(client.chat.completions.create(model=model, messages=HI, max_tokens=4, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0
    assert all(c.usage is None for c in chunks[:-1])


def test_a_seed_repeats_a_draw(client, model):
    ask = dict(model=model, messages=HI, max_tokens=12, temperature=1, seed=7)
    assert client.chat.completions.create(**ask).choices[0].message.content == client.chat.completions.create(**ask).choices[0].message.content


def test_several_choices(client, model):
    answer = client.chat.completions.create(model=model, messages=HI, max_tokens=4, n=3, seed=1)
    assert [c.index for c in answer.choices] == [0, 1, 2]
    seen = set()
    for chunk in client.chat.completions.create(model=model, messages=HI, max_tokens=4, n=3, stream=True):
        seen.update(c.index for c in chunk.choices)
    assert seen == {0, 1, 2}


def test_logprobs(client, model):
    answer = client.chat.completions.create(model=model, messages=HI, max_tokens=4, temperature=0, logprobs=True, top_logprobs=3)
    tokens = answer.choices[0].logprobs.content
    assert tokens
    for token in tokens:
        assert token.logprob <= 0 and len(token.top_logprobs) == 3
        assert bytes(token.bytes).decode("utf-8", "replace") == token.token
        assert all(a.logprob >= b.logprob for a, b in zip(token.top_logprobs, token.top_logprobs[1:]))


def test_a_stop_string_is_not_part_of_the_answer(client, model):
    ask = dict(model=model, messages=HI, max_tokens=12, temperature=0)
    whole = client.chat.completions.create(**ask).choices[0].message.content
    stop = whole[2:5]
    cut = client.chat.completions.create(**ask, stop=[stop]).choices[0]
    assert cut.message.content == whole[: whole.index(stop)] and cut.finish_reason == "stop"


def test_max_tokens_is_a_length_finish(client, model):
    answer = client.chat.completions.create(model=model, messages=HI, max_completion_tokens=1, extra_body={"ignore_eos": True})
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 1


def test_completions(client, model):
    answer = client.completions.create(model=model, prompt="Once upon a time", max_tokens=6, temperature=0, logprobs=2)
    choice = answer.choices[0]
    assert answer.object == "text_completion" and choice.text
    assert len(choice.logprobs.tokens) == len(choice.logprobs.token_logprobs) == len(choice.logprobs.text_offset) == answer.usage.completion_tokens
    streamed = client.completions.create(model=model, prompt="Once upon a time", max_tokens=6, temperature=0, stream=True)
    assert "".join(c.choices[0].text for c in streamed) == choice.text
    both = client.completions.create(model=model, prompt=["One", "Two"], max_tokens=2, temperature=0)
    assert [c.index for c in both.choices] == [0, 1]


def test_embeddings_in_both_encodings(client, embedding_model):
    # The client asks for base64 by default and decodes it.
    packed = client.embeddings.create(model=embedding_model, input=["a cat", "a dog"])
    plain = client.embeddings.create(model=embedding_model, input=["a cat", "a dog"], encoding_format="float")
    assert [d.index for d in packed.data] == [0, 1] and packed.usage.prompt_tokens > 0
    for a, b in zip(packed.data, plain.data):
        assert len(a.embedding) == len(b.embedding)
        assert all(math.isclose(x, y, rel_tol=1e-6, abs_tol=1e-9) for x, y in zip(a.embedding, b.embedding))


@pytest.mark.parametrize(
    "field, value",
    [
        ("temperature", 3),
        ("top_p", 0),
        ("n", 0),
        ("max_tokens", 0),
        ("stop", [""]),
        ("logit_bias", {"x": 1}),
        ("top_logprobs", 2),
        ("tools", [{"type": "function", "function": {"name": "f", "parameters": {}}}]),
        ("response_format", {"type": "json_object"}),
        ("colour", "blue"),
    ],
)
def test_a_bad_field_is_named(client, model, field, value):
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(model=model, messages=HI, extra_body={field: value})
    assert error.value.param.startswith(field) and field in error.value.message


def test_an_empty_list_of_messages(client, model):
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(model=model, messages=[])
    assert error.value.param == "messages"


def test_a_stream_that_is_left_does_not_hold_the_server(client, model):
    stream = client.chat.completions.create(model=model, messages=HI, max_tokens=1000, stream=True, extra_body={"ignore_eos": True})
    next(iter(stream))
    stream.close()
    began = time.monotonic()
    client.chat.completions.create(model=model, messages=HI, max_tokens=1)
    assert time.monotonic() - began < 30


def test_text_that_needs_care_survives(http, model):
    text = "naïve — 日本語 👩‍👩‍👧 \"quotes\" \\ \t <|im_end|>"
    tokens = http.post("/tokenize", json={"content": text, "model": model}).raise_for_status().json()["tokens"]
    assert http.post("/detokenize", json={"tokens": tokens, "model": model}).raise_for_status().json()["content"].strip() == text


def test_the_template_shows_the_prompt(http, model):
    prompt = http.post("/apply-template", json={"messages": HI, "model": model}).raise_for_status().json()["prompt"]
    assert "Say hello." in prompt


def test_operation(http):
    assert http.get("/healthz").json() == {"status": "ok"}
    ready = http.get("/readyz").json()
    assert ready["status"] == "ready" and all(set(s) == {"role", "id", "status", "model", "detail"} for s in ready["services"])
    assert "zenith_http_requests_total" in http.get("/metrics").text
    assert "user" in http.get("/props").json()["accepted_and_ignored"]
    assert http.get("/openapi.json").json()["openapi"].startswith("3.")
    assert "<html" in http.get("/").text
