// Ask GENRE with kafkajs, and like the best text.
//
//     (cd examples && npm ci)
//     GENRE_BROKERS=127.0.0.1:9092 node examples/07_kafkajs.mjs
//
// `make run` prints the address of its broker.
import { randomUUID } from "node:crypto";
import { Kafka, Partitioners, logLevel } from "kafkajs";

const brokers = (process.env.GENRE_BROKERS ?? "127.0.0.1:9092").split(",");
const kafka = new Kafka({ brokers, logLevel: logLevel.ERROR });
// The default partitioner hashes keys with murmur2, as Java does.
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
const consumer = kafka.consumer({ groupId: `example-${randomUUID()}` });

const publish = (topic, event) =>
  producer.send({ topic, messages: [{ key: event.user_id, value: JSON.stringify(event) }] });

await producer.connect();
await consumer.connect();
// A new group reads from the beginning, so that no answer is missed; a service keeps its group.
await consumer.subscribe({ topic: "genre.recommendations", fromBeginning: true });

const request_id = randomUUID();
const answered = new Promise((resolve) => {
  consumer.run({
    eachMessage: async ({ message }) => {
      const answer = JSON.parse(message.value);
      if (answer.request_id === request_id) resolve(answer);
    },
  });
});
await publish("genre.requests", { user_id: "ada", prompt: "a joke about dentists", request_id });
const answer = await answered;
if (answer.status !== "ok") throw new Error(`${answer.status}: ${answer.message}`);
answer.candidates.forEach(({ text }, place) => console.log(`${place + 1}. ${text}`));

const { candidate_id } = answer.candidates[0];
await publish("genre.feedback", { user_id: "ada", kind: "like", request_id, candidate_id });
await consumer.disconnect();
await producer.disconnect();
