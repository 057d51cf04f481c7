/** Ask for texts, read them while they are written, and say which is good. */

import { beliefs, deviation, said, signed, spoken } from "./beliefs.js";
import { candidate, grid } from "./candidate.js";
import { react, send, standing, undo, words as told } from "./reactions.js";
import * as rounds from "./rounds.js";
import { understood } from "./understood.js";
import { who } from "./who.js";
import { words } from "./ask_words.js";

const MOST = 8; // candidates of a request
const EMPTY = { prompt: "", genre: "", count: 4 };

let genres = []; // that can be asked for; of the last time that the gateway said it
let selected = 0; // the place of the text that keys speak of
let editing = null; // the id of the text that is being edited

export const view = { words, mount };

function mount(root, page) {
  const linked = page.route.length === 2 ? page.route : null;
  let waiting = false;

  const round = () =>
    linked
      ? (rounds.find(page, ...linked) ?? null)
      : (rounds.all(page).find((each) => each.wish.prompt !== undefined || each.wish.suggest) ??
        null);
  const draw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      if (root.isConnected) page.render(desk(page, round(), does), root);
    });
  };

  const ask = (more = {}) => {
    const draft = { ...EMPTY, ...page.kept("draft", EMPTY) };
    const wish = {
      user_id: page.user,
      candidates: draft.count,
      ...(draft.genre && { genre: draft.genre }),
      ...(draft.prompt.trim() ? { prompt: draft.prompt } : { suggest: true }),
      ...more,
    };
    [selected, editing] = [0, null];
    page.user = page.user; // the latest is offered first
    rounds.begin(page, wish);
    if (linked) location.hash = "#ask";
    page.announce(page.say("asked"));
  };

  const does = {
    draw,
    ask,
    genres: () => genres,
    selected: () => selected,
    editing: () => editing,
    select: (place) => {
      selected = place;
      draw();
    },
    edit: (id) => {
      editing = id;
      draw();
      if (id) requestAnimationFrame(() => root.querySelector(".candidate textarea")?.focus());
    },
    again: (round, more = {}) => ask({ ...repeated(round.wish), ...more }),
  };

  const keys = (event) => key(event, root, page, round(), does);
  document.addEventListener("keydown", keys);
  const stop = rounds.listen(draw);
  rounds.resume(page);
  if (linked) rounds.open(page, ...linked);
  draw();
  page.call("GET", "v1/genres").then(
    (found) => {
      genres = found.genres.map((each) => each.genre).sort();
      draw();
    },
    () => {},
  );
  return () => {
    document.removeEventListener("keydown", keys);
    stop();
  };
}

/** A request as it was, to be sent once more. */
const repeated = ({ user_id, prompt, suggest, genre, candidates }) => ({
  user_id,
  prompt,
  suggest,
  genre,
  candidates: candidates ?? EMPTY.count,
});

function desk(page, round, does) {
  return page.html`
    <h1 class="unseen">${page.say("ask")}</h1>
    ${composer(page, does)} ${round === null ? nothingYet(page) : shown(page, round, does)}
    ${earlier(page, round)} ${shortcuts(page)}`;
}

function composer(page, does) {
  const { html, say } = page;
  const draft = { ...EMPTY, ...page.kept("draft", EMPTY) };
  const note = (name, value) => {
    page.keep("draft", { ...page.kept("draft", EMPTY), [name]: value });
    if (name === "prompt") does.draw();
  };
  const submit = (event) => {
    event.preventDefault();
    does.ask();
  };
  const isPlain = draft.prompt.trim() === "";
  const send = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.currentTarget.requestSubmit();
    }
  };
  return html`<form class="composer" @submit=${submit} @keydown=${send}>
    <label>
      <span class="unseen">${say("prompt")}</span>
      <textarea
        id="prompt"
        rows="3"
        maxlength="32000"
        placeholder=${say("placeholder")}
        .value=${draft.prompt}
        aria-keyshortcuts="/"
        @input=${(event) => note("prompt", event.target.value)}
      ></textarea>
    </label>
    <div class="options">
      ${who(page, say("for"), does.draw)}
      <label>
        <span>${say("genre")}</span>
        <select @change=${(event) => note("genre", event.target.value)}>
          <option value="" ?selected=${draft.genre === ""}>${say("any_genre")}</option>
          ${does
            .genres()
            .map(
              (each) =>
                html`<option value=${each} ?selected=${draft.genre === each}>
                  ${spoken(each)}
                </option>`,
            )}
        </select>
      </label>
      <label>
        <span>${say("count")}</span>
        <select @change=${(event) => note("count", Number(event.target.value))}>
          ${Array.from(
            { length: MOST },
            (_, index) =>
              html`<option ?selected=${draft.count === index + 1}>${index + 1}</option>`,
          )}
        </select>
      </label>
      <button>${say(isPlain ? "suggest" : "write")}</button>
    </div>
    <p class="hint">${say(isPlain ? "suggest_hint" : "write_hint")}</p>
  </form>`;
}

const nothingYet = (page) => page.html`<section class="empty">
  <h2>${page.say("empty_title")}</h2>
  <p>${page.say("empty_text")}</p>
</section>`;

function shown(page, round, does) {
  const { html, nothing, say } = page;
  const { prompt, suggest, user_id } = round.wish;
  return html`<section class="round" aria-labelledby="asked">
    <header>
      <h2 id="asked">${prompt ?? (suggest ? say("suggested") : say("linked"))}</h2>
      <p class="about">
        ${say(`round_${round.isBroken ? "broken" : round.state}`, { user: user_id })}
        ${
          round.state === "writing"
            ? html`<button
                class="small outline"
                aria-keyshortcuts="Escape"
                @click=${() => rounds.stop(page, round)}
              >
                ${say("stop")} <kbd>Esc</kbd>
              </button>`
            : nothing
        }
      </p>
    </header>
    ${round.problem && round.state === "failed" ? failure(page, round, does) : nothing}
    ${understood(page, round, does)} ${difference(page, round)}
    ${grid(page, round, (each, place) => candidate(page, round, each, place, does))}
    ${round.answer ? whole(page, round, does) : nothing} ${reacted(page, round)}
  </section>`;
}

const failure = (page, round, does) => page.html`<div class="failure" role="alert">
  <p>${page.problem(round.problem)}</p>
  ${
    round.wish.prompt || round.wish.suggest
      ? page.html`<button class="small outline" @click=${() => does.again(round)}>
        ${page.say("again")}
      </button>`
      : page.nothing
  }
</div>`;

/** What can be said of all texts together. */
function whole(page, round, does) {
  const { html, nothing, say } = page;
  const { request_id, user_id } = round.wish;
  const link = `#ask/${encodeURIComponent(request_id)}/${encodeURIComponent(user_id)}`;
  const button = (name, key, act, isOff = false) =>
    html`<button class="small outline" aria-keyshortcuts=${key} ?disabled=${isOff} @click=${act}>
      ${say(name)} <kbd>${key}</kbd>
    </button>`;
  return html`<div class="whole loose" role="group" aria-label=${say("all_texts")}>
    ${
      round.wish.prompt || round.wish.suggest
        ? button("regenerate", "R", () => regenerate(page, round, does))
        : nothing
    }
    ${button("none", "N", () => none(page, round))}
    ${button("undo", "U", () => undo(page, round), standing(round).length === 0)}
    <a class="link" href=${link}>${say("link")}</a>
  </div>`;
}

function regenerate(page, round, does) {
  react(page, round, "regenerate");
  does.again(round);
}

const none = (page, round) =>
  react(
    page,
    round,
    "none",
    round.answer.candidates.map(({ candidate_id }) => ({ candidate_id })),
  );

/** What was said of the round, how far that has come, and what is believed since. */
function reacted(page, round) {
  const { html, nothing, say } = page;
  if (round.reactions.length === 0) return nothing;
  const one = (reaction) =>
    html`<li class="${reaction.state} ${reaction.isUndone ? "undone" : ""}">
      ${told(page, round, reaction)}
      ${
        reaction.state === "unsent"
          ? html`<button class="small outline" @click=${() => send(page, round, reaction)}>
              ${say("again")}
            </button>`
          : nothing
      }
    </li>`;
  return html`<section class="said" aria-label=${say("said")}>
    <ol reversed>
      ${round.reactions.toReversed().map(one)}
    </ol>
    ${
      round.believed
        ? html`<p>
            ${say("believed", { user: round.wish.user_id, count: round.believed.count })}
            ${tastes(page, round.believed)} <a href="#user">${say("more_taste")}</a>
          </p>`
        : nothing
    }
  </section>`;
}

function tastes(page, believed) {
  const all = beliefs(page, believed).map(
    (each) => `${said(page, each)} (${signed(page, each.mean)} ${deviation(page, each.deviation)})`,
  );
  return page.say(all.length ? "tastes" : "no_taste", { tastes: all.join("; ") });
}

/** What is different from the answer before, after something was learned from it. */
function difference(page, round) {
  const before = rounds
    .all(page)
    .slice(rounds.all(page).indexOf(round) + 1)
    .find(
      (each) =>
        each.wish.user_id === round.wish.user_id &&
        each.wish.prompt === round.wish.prompt &&
        each.answer,
    );
  if (!before || !round.answer || !before.reactions.some((each) => each.state === "learned")) {
    return page.nothing;
  }
  return page.html`<p class="difference">
    <strong>${page.say("different")}</strong>
    ${page.say("before", { genres: counted(page, before.answer) })}
    ${page.say("now", { genres: counted(page, round.answer) })}
  </p>`;
}

function counted(page, { candidates }) {
  const counts = new Map();
  for (const { genre, style } of candidates) {
    const name = [genre ? spoken(genre) : page.say("no_genre"), style].filter(Boolean).join(", ");
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} × ${name}`).join(" · ");
}

function earlier(page, round) {
  const { html, nothing, say } = page;
  const others = rounds.all(page).filter((each) => each !== round && each.answer);
  if (others.length === 0) return nothing;
  const link = ({ wish }) =>
    html`<li>
      <a href="#ask/${encodeURIComponent(wish.request_id)}/${encodeURIComponent(wish.user_id)}">
        ${wish.prompt ?? say(wish.suggest ? "suggested" : "linked")}</a
      >
      <small>${wish.user_id}</small>
    </li>`;
  return html`<details class="earlier">
    <summary>${say("earlier", { count: others.length })}</summary>
    <ul>
      ${others.map(link)}
    </ul>
  </details>`;
}

const KEYS = ["/", "1 – 8", "L", "D", "C", "E", "Y", "R", "N", "U", "Esc"];

const shortcuts = (page) => page.html`<details class="shortcuts">
  <summary>${page.say("shortcuts")}</summary>
  <dl>
    ${KEYS.map(
      (each) => page.html`<div>
        <dt><kbd>${each}</kbd></dt>
        <dd>${page.say(`key_${each}`)}</dd>
      </div>`,
    )}
  </dl>
</details>`;

function key(event, root, page, round, does) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog")) return;
  if (event.key === "Escape") {
    if (does.editing()) does.edit(null);
    else if (round?.state === "writing") rounds.stop(page, round);
    return;
  }
  if (event.target.matches("input, textarea, select, [contenteditable]")) return;
  const letter = event.key.toLowerCase();
  if (letter === "/") root.querySelector("#prompt").focus();
  else if (!round?.answer) return;
  else if (letter === "r" && (round.wish.prompt || round.wish.suggest)) {
    regenerate(page, round, does);
  } else if (letter === "n") none(page, round);
  else if (letter === "u") undo(page, round);
  else if (/^[1-8]$/.test(letter)) root.querySelectorAll(".candidate")[letter - 1]?.focus();
  else {
    const act = root
      .querySelectorAll(".candidate")
      [does.selected()]?.querySelector(`button[aria-keyshortcuts="${letter.toUpperCase()}"]`);
    if (!act) return;
    act.click();
  }
  event.preventDefault();
}
