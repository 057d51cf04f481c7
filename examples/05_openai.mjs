// Ask GENRE with OpenAI's own client for JavaScript, and like a text.
//
//     (cd examples && npm ci)
//     GENRE_ADDRESS=http://127.0.0.1:8000 node examples/05_openai.mjs
//
// `make run` prints the address. Beyond loopback `apiKey` is a key of `genre keys create`.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.env.GENRE_ADDRESS}/v1`, apiKey: "none" });
const messages = [{ role: "user", content: "a joke about dentists" }];

// One choice as it is written. `genre` chooses by itself; `genre:joke` writes jokes.
for await (const chunk of await client.chat.completions.create({
  model: "genre",
  messages,
  stream: true,
})) {
  process.stdout.write(chunk.choices[0].delta.content ?? "");
}
console.log();

// Several choices come ranked for whoever asks.
const answer = await client.chat.completions.create({
  model: "genre",
  messages,
  n: 2,
  safety_identifier: "ada",
  metadata: { genre: "joke" },
});
for (const choice of answer.choices) {
  console.log(`${choice.index + 1}. ${choice.message.content}`);
}

// Each choice says under which id it takes feedback; `wait` answers when it is learned.
const best = answer.choices[0].genre.candidate_id;
const like = { user_id: "ada", kind: "like", request_id: answer.id, candidate_id: best };
console.log(await client.post("/feedback?wait", { body: like }));
