/**
 * Requests of this tab and what became of them, whichever view is shown: their streams run on, and
 * what has come is kept, so that a reload goes on where it was.
 *
 * A round is plain JSON: `wish` (the request as sent), `state` (`writing`, `done`, `stopped`,
 * `failed`), `understood`, `arms`, `texts` (by index: `{text, next, code}`), `answer`, `problem`,
 * `reactions`, `cursor`, `isBroken`.
 */

const MOST = 12; // rounds that are kept

let rounds = null;
const streams = new Map(); // AbortControllers, by request
const listeners = new Set();

/** All rounds, the latest first. */
export function all(page) {
  rounds ??= page.kept("rounds", []).filter((each) => each.wish);
  return rounds;
}

/** Hear of every change; returns how to stop. */
export function listen(hear) {
  listeners.add(hear);
  return () => listeners.delete(hear);
}

/** Note that a round has changed: it is kept, and whoever listens draws. */
export function changed(page) {
  page.keep("rounds", rounds);
  for (const hear of listeners) hear();
}

/** Forget what a user has asked for, and was told. */
export function forget(page, user) {
  rounds = all(page).filter(({ wish }) => wish.user_id !== user);
  changed(page);
}

/** Ask, and follow what becomes of it. */
export function begin(page, wish) {
  const id = crypto.randomUUID?.() ?? `page-${Date.now()}-${Math.random().toString(36).slice(2)}`;
  const round = fresh({ ...wish, request_id: id });
  rounds = [round, ...all(page)].slice(0, MOST);
  changed(page);
  follow(page, round, { method: "POST", body: round.wish }, "v1/recommendations");
  return round;
}

/** Follow again the rounds that a reload cut off. */
export function resume(page) {
  for (const round of all(page)) {
    if (round.state === "writing" && !streams.has(round.wish.request_id)) {
      follow(page, round, { last: round.cursor }, place(round.wish));
    }
  }
}

/** The round of a request, or undefined. */
export function find(page, request_id, user_id) {
  return all(page).find(
    ({ wish }) => wish.request_id === request_id && wish.user_id === user_id,
  );
}

/** Look an earlier request's answer up in the log, unless this tab has it and it did not fail. */
export function open(page, request_id, user_id) {
  const known = find(page, request_id, user_id);
  if (known && known.state !== "failed") return;
  const round = fresh(known?.wish ?? { request_id, user_id });
  rounds = [round, ...all(page).filter((each) => each !== known)].slice(0, MOST);
  streams.set(request_id, new AbortController()); // what is looked up is not followed, too
  page
    .call("GET", place(round.wish))
    .then(
      (answer) => finish(page, round, answer),
      (problem) => fail(page, round, problem),
    )
    .finally(() => streams.delete(request_id));
}

/** Write no more of it; what was written stays to be read. */
export function stop(page, round) {
  round.state = "stopped";
  streams.get(round.wish.request_id)?.abort();
  page.call("DELETE", place(round.wish)).catch(() => {}); // the gateway stops it by itself, later
  changed(page);
}

const fresh = (wish) => ({
  wish,
  state: "writing",
  understood: null,
  arms: [],
  texts: {},
  answer: null,
  problem: null,
  reactions: [],
  cursor: null,
  isBroken: false,
});

const place = ({ request_id, user_id }) =>
  `v1/recommendations/${encodeURIComponent(request_id)}?user_id=${encodeURIComponent(user_id)}`;

async function follow(page, round, options, path) {
  const { request_id } = round.wish;
  const stopping = new AbortController();
  streams.set(request_id, stopping);
  const onState = (state) => {
    round.isBroken = state === "broken";
    changed(page);
  };
  try {
    await page.stream(path, { ...options, signal: stopping.signal, onState }, (event) => {
      add(page, round, event);
      changed(page);
      return round.state !== "writing";
    });
  } catch (problem) {
    fail(page, round, problem);
  } finally {
    streams.delete(request_id);
  }
}

// Of different topics, any may come first.
function add(page, round, { event, data, id }) {
  round.cursor = id ?? round.cursor;
  if (event === "classified") round.understood = data;
  else if (event === "planned") round.arms = data.arms;
  else if (event === "piece") addPiece(round, data);
  else if (event === "candidates") data.candidates.forEach((each) => settle(round, each));
  else if (event === "recommendation") finish(page, round, data);
  else if (event === "error") fail(page, round, data);
}

function addPiece(round, { index, sequence, text }) {
  const written = (round.texts[index] ??= { text: "", next: 0, code: null });
  if (sequence < written.next) return; // a worker that began again says it once more
  written.next = sequence + 1;
  written.text += text;
}

function settle(round, { index, text, held_back, code }) {
  const written = (round.texts[index] ??= { text: "", next: 0, code: null });
  if (text) written.text = text;
  if (held_back) written.text = "";
  written.code = code ?? null;
}

function finish(page, round, answer) {
  if (answer.status !== "ok") {
    fail(page, round, { code: answer.code ?? answer.status, detail: answer.message });
    return;
  }
  [round.answer, round.state, round.problem] = [answer, "done", null];
  changed(page);
}

function fail(page, round, { code, detail }) {
  if (round.state !== "stopped") round.state = "failed";
  round.problem = { code, detail };
  changed(page);
}
