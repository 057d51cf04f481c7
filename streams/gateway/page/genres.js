/** What can be asked for: the shelf of genres, one of them with its versions, and a new one. */

import { words } from "./genre_words.js";
import { newGenre } from "./new_genre.js";
import { mountVersions } from "./versions.js";

const NEW = "+"; // no genre has this name

let sought = ""; // lasts while other views are shown

export const view = {
  words,
  mount(root, page) {
    const [name, genre] = page.route;
    if (name === NEW) return newGenre(root, page, genre);
    return name ? mountVersions(root, page, name) : mountShelf(root, page);
  },
};

function mountShelf(root, page) {
  let found = null;
  let problem = null;
  let isLeft = false;

  const draw = () => !isLeft && page.render(shelf(page, { found, problem, seek, load }), root);
  const seek = (text) => {
    sought = text;
    draw();
  };

  async function load() {
    [found, problem] = [null, null];
    draw();
    try {
      found = (await page.call("GET", "v1/genres")).genres;
    } catch (error) {
      problem = error;
    }
    draw();
  }

  load();
  return () => (isLeft = true);
}

function shelf(page, { found, problem, seek, load }) {
  const { html, say } = page;
  const head = html`<div class="head">
    <h1>${say("genres")}</h1>
    <a class="action" href="#genres/${NEW}">${say("new")}</a>
  </div>`;
  if (problem !== null) {
    return html`${head}
      <p class="notice" role="alert">${page.problem(problem)}</p>
      <button class="outline" @click=${load}>${say("again")}</button>`;
  }
  if (found === null) return html`${head}<p class="empty" aria-busy="true">${say("loading")}</p>`;
  if (found.length === 0) return html`${head}<p class="empty">${say("none")}</p>`;
  const text = sought.trim().toLowerCase();
  const shown = found.filter(({ genre, description }) =>
    `${genre} ${genre.replaceAll("_", " ")} ${description}`.toLowerCase().includes(text),
  );
  const families = grouped(shown, (each) => each.family);
  return html`${head}
    <p>${say("about")}</p>
    <label class="find">
      ${say("find")}
      <input type="search" .value=${sought} @input=${(event) => seek(event.target.value)} />
    </label>
    <p class="about" role="status">
      ${shown.length ? say("found", { count: shown.length }) : say("found_none")}
    </p>
    ${[...families].map(
      ([family, genres]) =>
        html`<section aria-label=${family}>
          <h2>${family.replaceAll("_", " ")}</h2>
          <ul class="shelf">
            ${genres.map((each) => card(page, each))}
          </ul>
        </section>`,
    )}`;
}

function card({ html, say }, { genre, description, adapters = [] }) {
  const count = adapters.length;
  const key = `adapters_${count < 2 ? count : "n"}`;
  return html`<li>
    <a href="#genres/${genre}"><strong>${genre.replaceAll("_", " ")}</strong></a>
    <p>${description}</p>
    <p class="about">${say(key, { count })}</p>
  </li>`;
}

function grouped(rows, of) {
  const groups = new Map();
  for (const row of rows) groups.set(of(row), [...(groups.get(of(row)) ?? []), row]);
  return groups;
}
