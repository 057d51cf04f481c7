/** One text: what writes it and why, how it grows, and what can be said of it. */

import { spoken } from "./beliefs.js";
import { of, react, undo } from "./reactions.js";

/** The texts side by side, in the order in which they are ranked once they are. */
export function grid(page, round, one) {
  const shown = round.answer ? round.answer.candidates.map(ranked) : written(round);
  if (shown.length === 0 && round.state !== "writing") return page.nothing;
  return page.html`<div class="candidates">
    ${shown.length ? shown.map(one) : waiting(page, round)}
  </div>`;
}

const ranked = (each) => ({ ...each, reason: each.why, code: null, isDone: true });

/** As far as the texts are written: by arm, or by index where the plan has not come yet. */
function written({ arms, texts, state }) {
  const planned = new Map(arms.map((arm) => [arm.index, arm]));
  const indices = [...new Set([...planned.keys(), ...Object.keys(texts).map(Number)])];
  return indices
    .sort((one, other) => one - other)
    .map((index) => ({
      ...planned.get(index),
      text: texts[index]?.text ?? "",
      code: texts[index]?.code ?? null,
      isDone: state !== "writing",
    }));
}

const waiting = (page, { wish }) =>
  Array.from(
    { length: wish.candidates ?? 1 },
    () => page.html`<article class="candidate waiting"><p>${page.say("planning")}</p></article>`,
  );

/** A candidate at its place, 0 the first. */
export function candidate(page, round, given, place, does) {
  const { html, nothing, say } = page;
  const chosen = of(round, "choose", given.candidate_id);
  const edited = of(round, "edit", given.candidate_id);
  const each = { ...given, shown: edited ? edited.events[0].text : given.text };
  const isEditing = each.candidate_id !== undefined && does.editing() === each.candidate_id;
  const select = () => does.selected() !== place && does.select(place);
  return html`<article
    class="candidate ${chosen ? "chosen" : ""} ${does.selected() === place ? "selected" : ""}"
    tabindex="0"
    aria-label=${say("text_number", { number: place + 1 })}
    @focusin=${select}
  >
    <header>
      <kbd>${place + 1}</kbd>
      <strong>${each.genre ? spoken(each.genre) : say("no_genre")}</strong>
      ${each.style ? html`<span class="style">${each.style}</span>` : nothing}
      ${chosen ? html`<span class="mark">${say("chosen")}</span>` : nothing}
      ${edited ? html`<span class="mark">${say("edited")}</span>` : nothing}
    </header>
    ${
      each.prompt
        ? html`<p class="asked">${say("asked_for", { prompt: each.prompt })}</p>`
        : nothing
    }
    ${isEditing ? editor(page, round, each, does) : text(page, each)} ${reasons(page, each)}
    ${each.candidate_id && !isEditing ? actions(page, round, each, does) : nothing}
  </article>`;
}

function text(page, { shown, code, isDone, finish }) {
  const { html, nothing, say } = page;
  if (code) return html`<p class="held">${say("held_back", { code })}</p>`;
  return html`<div class="text" dir="auto">
      <span class="verbatim" .textContent=${shown}></span>${isDone ? nothing : html`<span class="caret" aria-hidden="true"></span>`}
    </div>
    ${isDone && finish === "length" ? html`<p class="held">${say("cut")}</p>` : nothing}`;
}

function reasons(page, each) {
  const { html, nothing, say } = page;
  const why = short(each.reason ?? "");
  const blend = each.blend
    ?.map((part) => `${page.number(part.weight)} ${part.adapter}`)
    .join(" + ");
  const facts = [
    ["adapter", each.adapter ?? (blend || say("base"))],
    ["score", each.score === undefined ? null : page.number(each.score)],
    ["propensity", each.propensity === undefined ? null : page.number(each.propensity)],
    ["draft", each.draft ? say("draft_text") : null],
    ["why", each.reason || null],
  ].filter(([, value]) => value !== null);
  return html`<details class="why">
    <summary lang="en">${why || say("why")}</summary>
    <dl>
      ${facts.map(
        ([name, value]) =>
          html`<dt>${say(name)}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
  </details>`;
}

/** The words of a reason without its numbers, each said once: as on the command line. */
function short(why) {
  const plain = why
    .replace(/^expected liking [^:]*: /, "")
    .replace(/; quality [^(]*?(?= \(chosen|$)/, "")
    .replace(/ \([+-][^()]*\)/g, "")
    .replace(/; \w+ style(?=[;)])/g, "");
  const [known, chosen = ""] = plain.split(" (chosen because ");
  const clauses = [
    ...chosen
      .replace(/\)$/, "")
      .replace(/: (?=\d+% likely)/g, " ")
      .split("; "),
    ...known.split("; "),
  ];
  return [...new Set(clauses.filter(Boolean))].join("; ");
}

function actions(page, round, each, does) {
  const { html, say } = page;
  const { candidate_id } = each;
  const toggle = (kind, key, label) => {
    const said = of(round, kind, candidate_id);
    const act = () =>
      said ? undo(page, round, said) : react(page, round, kind, [{ candidate_id }]);
    return html`<button
      class="small outline"
      aria-pressed=${Boolean(said)}
      aria-keyshortcuts=${key}
      title="${say(kind)} (${key})"
      @click=${act}
    >
      ${label ?? say(kind)}
    </button>`;
  };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(each.shown); // undefined but on https and this machine
    } catch {
      return page.announce(say("not_copied"));
    }
    page.announce(say("copied"));
    if (!of(round, "copy", candidate_id)) react(page, round, "copy", [{ candidate_id }]);
  };
  return html`<footer class="loose" role="group" aria-label=${say("reactions")}>
    ${toggle("like", "L")} ${toggle("dislike", "D")} ${toggle("choose", "C")}
    <button
      class="small outline"
      aria-keyshortcuts="E"
      title="${say("edit")} (E)"
      @click=${() => does.edit(candidate_id)}
    >
      ${say("edit")}
    </button>
    <button class="small outline" aria-keyshortcuts="Y" title="${say("copy")} (Y)" @click=${copy}>
      ${say("copy")}
    </button>
  </footer>`;
}

function editor(page, round, { candidate_id, text, shown }, does) {
  const { html, say } = page;
  const name = `edit ${candidate_id}`;
  const draft = page.kept(name, shown);
  const save = (event) => {
    event.preventDefault();
    const written = event.target.elements.text.value;
    page.keep(name, null);
    does.edit(null);
    if (written !== text) react(page, round, "edit", [{ candidate_id, text: written }]);
  };
  return html`<form class="editor" @submit=${save}>
    <textarea
      name="text"
      rows="8"
      maxlength="65536"
      aria-label=${say("edit")}
      dir="auto"
      .value=${draft}
      @input=${(event) => page.keep(name, event.target.value)}
    ></textarea>
    <footer>
      <button class="small">${say("save")}</button>
      <button type="button" class="small outline secondary" @click=${() => does.edit(null)}>
        ${say("cancel")}
      </button>
    </footer>
  </form>`;
}
