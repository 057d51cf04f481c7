/** What was understood of a request: genre, doubt and language; one click corrects it. */

import { spoken } from "./beliefs.js";
import { react, standing } from "./reactions.js";

// Probabilities: of what is told as sure and fairly sure, and of what may be meant instead.
const SURE = 0.8,
  FAIRLY = 0.5,
  POSSIBLE = 0.01;

/** One line, with the genres that it may be instead. */
export function understood(page, round, does) {
  const { html, nothing, say } = page;
  if (!round.understood || round.understood.failure || round.wish.suggest) return nothing;
  const { genres, language, family, fallback } = round.understood;
  const [first, ...others] = genres;
  const corrected = standing(round).findLast((each) => each.kind === "genre_correction");
  return html`<div class="understood">
    <p>
      ${
        first && fallback === "none"
          ? html`${say("understood")} <strong>${spoken(first.genre)}</strong>
              <span class="doubt">${doubt(page, first.probability)}</span>`
          : html`<strong>${say(`fallback_${fallback}`, { family: spoken(family ?? "") })}</strong>`
      }
      ${language ? html`<span class="language">${tongue(page, language)}</span>` : nothing}
    </p>
    ${corrected ? correction(page, round, corrected, does) : choices(page, round, others, does)}
  </div>`;
}

function choices(page, round, others, does) {
  const { html, nothing, say } = page;
  if (!round.answer) return nothing; // what is not answered cannot be corrected yet
  const correct = (genre) => react(page, round, "genre_correction", [{ genre }]);
  const choice = ({ genre, probability }) =>
    html`<button class="small outline chip" @click=${() => correct(genre)}>
      ${spoken(genre)} <small>${percent(page, probability)}</small>
    </button>`;
  const likely = others.filter(({ probability }) => probability >= POSSIBLE).slice(0, 4);
  const named = [round.understood.genres[0], ...likely].map((each) => each?.genre);
  return html`<div class="choices loose" role="group" aria-label=${say("correct")}>
    <span>${say("correct")}</span> ${likely.map(choice)}
    <select
      class="small"
      aria-label=${say("other_genre")}
      @change=${(event) => event.target.value && correct(event.target.value)}
    >
      <option value="">${say("other_genre")}</option>
      ${does
        .genres()
        .filter((each) => !named.includes(each))
        .map((each) => html`<option value=${each}>${spoken(each)}</option>`)}
    </select>
  </div>`;
}

function correction(page, round, { events, state }, does) {
  const { html, say } = page;
  const { genre } = events[0];
  return html`<p class="corrected">
    ${say(state === "learned" ? "corrected" : "correcting", { genre: spoken(genre) })}
    <button class="small outline" @click=${() => does.again(round, { genre })}>
      ${say("again_as", { genre: spoken(genre) })}
    </button>
  </p>`;
}

function doubt(page, probability) {
  const word = probability >= SURE ? "sure" : probability >= FAIRLY ? "fairly" : "unsure";
  return page.say(word, { percent: percent(page, probability) });
}

const percent = (page, value) => page.number(value, { style: "percent" });

function tongue(page, code) {
  try {
    return new Intl.DisplayNames([page.language], { type: "language" }).of(code);
  } catch {
    return code;
  }
}
