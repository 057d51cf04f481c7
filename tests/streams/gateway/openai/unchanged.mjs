// What OpenAI's client for JavaScript, as it is, makes of the gateway at argv[2]: one JSON object.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none", maxRetries: 0 });
const ask = { model: "genre", messages: [{ role: "user", content: "a joke" }] };
const told = {};

// The class and the code of the error that is raised, or null.
async function raised(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return [error.constructor.name, error.code];
  }
}

async function streamed(more) {
  const chunks = [];
  const stream = await client.chat.completions.create({ ...ask, ...more, stream: true });
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

if (process.argv[3] === "errors") {
  told.whole = await raised(() => client.chat.completions.create(ask));
  told.streamed = await raised(() => streamed({}));
} else {
  const whole = await client.chat.completions.create({
    ...ask,
    n: 2,
    safety_identifier: "ada",
    metadata: { genre: "joke" },
  });
  told.whole = whole.choices.map((each) => each.message.content);
  told.id = whole.id;
  told.request = whole._request_id;
  const chunks = await streamed({ n: 2, stream_options: { include_usage: true } });
  told.streamed = ["", ""];
  for (const { index, delta } of chunks.flatMap((each) => each.choices)) {
    told.streamed[index] += delta.content ?? "";
  }
  told.usage = chunks.map((each) => each.usage).filter((each) => each != null);
  told.models = (await client.models.list()).data.map((each) => each.id);
  told.unknown = await raised(() => client.chat.completions.create({ ...ask, model: "gpt" }));
  told.refused = await raised(() => client.chat.completions.create({ ...ask, logprobs: true }));
  told.feedback = await client.post("/feedback", {
    body: {
      user_id: "ada",
      kind: "like",
      request_id: whole.id,
      candidate_id: whole.choices[0].genre.candidate_id,
    },
  });
}
console.log(JSON.stringify(told));
