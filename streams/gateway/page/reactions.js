/**
 * What the user says of a round's texts. A reaction is one press of a button, which may be several
 * events: `{kind, events, state, code, isUndone}`; `state` is `sending`, `stored`, `learned`,
 * `refused` or `unsent`.
 */

import { changed } from "./rounds.js";

// Of these a later one replaces an earlier one, as in what is learned of them.
const VERDICTS = ["like", "dislike"];
// Milliseconds and turns: a profile is published at most once a second.
const PAUSE = 700,
  TURNS = 12;

/** Say something: an event for each of `parts`, its own fields (`candidate_id`, `text`, ...). */
export async function react(page, round, kind, parts = [{}]) {
  const { user_id, request_id } = round.wish;
  const stem = `${request_id}-${Date.now().toString(36)}`;
  const events = parts.map((part, number) => ({
    user_id,
    request_id,
    kind: part.retracts ? "retract" : kind === "none" ? "dislike" : kind,
    feedback_id: `${stem}-${round.reactions.length}-${number}`,
    ...part,
  }));
  const reaction = { kind, events, state: "sending", code: null, isUndone: false };
  round.reactions.push(reaction);
  await send(page, round, reaction);
}

/** Send, also again, what was not taken; a repeat counts once. */
export async function send(page, round, reaction) {
  reaction.state = "sending";
  changed(page);
  const before = known(page, round);
  try {
    const told = await page.call("POST", "v1/feedback?wait=true", reaction.events);
    const refused = told.find((each) => each.state === "refused");
    reaction.state = refused ? "refused" : told[0].state;
    reaction.code = refused?.code ?? null;
  } catch (problem) {
    const isOurs = problem.status >= 400 && problem.status < 500 && problem.status !== 429;
    reaction.state = isOurs ? "refused" : "unsent";
    reaction.code = problem.code ?? null;
  }
  changed(page);
  page.announce(words(page, round, reaction));
  if (reaction.state === "learned") await believe(page, round, (await before)?.time);
}

/** Take a reaction back. */
export function undo(page, round, reaction = standing(round).at(-1)) {
  if (!reaction) return Promise.resolve();
  reaction.isUndone = true;
  const parts = reaction.events.map((each) => ({ retracts: each.feedback_id }));
  return react(page, round, "retract", parts);
}

/** The reactions that were not taken back. */
export const standing = (round) =>
  round.reactions.filter((each) => !each.isUndone && each.kind !== "retract");

/** The reaction of this kind to this candidate, if it stands and no later one replaces it. */
export function of(round, kind, candidate_id) {
  const slot = VERDICTS.includes(kind) ? VERDICTS : [kind];
  const said = standing(round)
    .filter((each) => each.state !== "refused")
    .filter((each) =>
      each.events.some((one) => slot.includes(one.kind) && one.candidate_id === candidate_id),
    )
    .at(-1);
  return said?.events[0].kind === kind ? said : undefined;
}

/** How far a reaction has come, in words. */
export function words(page, round, { kind, events, state, code }) {
  const place = (round.answer?.candidates ?? []).findIndex(
    (each) => each.candidate_id === events[0].candidate_id,
  );
  const where = place < 0 || events.length > 1 ? "" : page.say("of_text", { number: place + 1 });
  return page.say(`state_${state}`, { what: page.say(`did_${kind}`) + where, code: code ?? "" });
}

/** What is believed about the user, once it holds what was learned. */
async function believe(page, round, before) {
  for (let turn = 0; turn < TURNS; turn += 1) {
    await new Promise((done) => setTimeout(done, PAUSE));
    const found = await known(page, round);
    if (found && found.time !== before) {
      round.believed = { likes: found.likes, dislikes: found.dislikes, count: found.reactions };
      changed(page);
      return;
    }
  }
}

const known = (page, { wish }) =>
  page.call("GET", `v1/users/${encodeURIComponent(wish.user_id)}/history?answers=0`).then(
    (found) => found.user,
    () => null,
  );
