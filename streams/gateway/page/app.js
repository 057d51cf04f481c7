/**
 * The frame: header, themes, languages, routing by hash, and what every view is given.
 *
 * A view is a module `NAME.js` with `export const view = {words: {en, zh}, mount(root, page)}`;
 * `mount` draws into `root` and returns a function that unmounts. It is mounted anew when the hash,
 * the language or the theme changes, so what must last lies outside of `mount` or is kept.
 */

import { html, nothing, render } from "./vendor/lit-html@3.3.3/lit-html.js";
import { dialogs } from "./dialogs.js";
import { gateway } from "./http.js";
import { LANGUAGES, language, speaker, words } from "./words.js";

const VIEWS = ["ask", "user", "genres", "flow"];
const HEALTH = 2000; // milliseconds between two questions to a gateway that is away
const ME = "me"; // who asks where nobody is named, as on the command line
const RECENT = 12; // users that are offered again

const say = speaker(words);
const { confirm, askForKey } = dialogs(say);
const { call, stream } = gateway({ askForKey, trouble });
const root = document.documentElement;
const announcer = document.getElementById("announcer");

let unmount = () => {};
let mounting = 0;
let away = null; // the key of the words for what is away

/** What is kept in this tab until it is closed. */
const keep = (name, value) => {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // It is full: what is shown goes on, and only a reload would lose it.
  }
};
const kept = (name, otherwise = null) =>
  JSON.parse(sessionStorage.getItem(name) ?? "null") ?? otherwise;

const recent = () => JSON.parse(localStorage.getItem("users") ?? "[]");

const page = {
  html,
  nothing,
  render,
  call,
  stream,
  confirm,
  keep,
  kept,
  say,
  /** The chosen user's id. */
  get user() {
    return kept("user", recent()[0] ?? ME);
  },
  set user(user) {
    keep("user", user);
    if (user) {
      const users = [user, ...recent().filter((each) => each !== user)].slice(0, RECENT);
      localStorage.setItem("users", JSON.stringify(users));
    }
  },
  /** Users that were chosen in this browser, the latest first. */
  get recent() {
    return recent();
  },
  /** Forget that a user was chosen here; this tab still shows whom it shows. */
  forget(user) {
    localStorage.setItem("users", JSON.stringify(recent().filter((each) => each !== user)));
  },
  /** The parts of the hash behind the view's name: `#ask/a/b` gives `["a", "b"]`. */
  get route() {
    return location.hash.slice(1).split("/").slice(1).map(decoded);
  },
  get language() {
    return language();
  },
  get isDark() {
    return isDark();
  },
  /** Tell those who hear the page. */
  announce(text) {
    announcer.textContent = "";
    setTimeout(() => (announcer.textContent = text), 50);
  },
  /** A problem in words of the page's language. */
  problem: (error) => {
    const known = say(error.code ?? "");
    if (error.code && known !== error.code) return known;
    return say("problem", { detail: error.detail ?? error.message, code: error.code ?? "page" });
  },
  /** A moment, ISO 8601, as people here write it. */
  date: (iso, style = { dateStyle: "medium", timeStyle: "short" }) =>
    new Intl.DateTimeFormat(language(), style).format(new Date(iso)),
  number: (value, style = { maximumFractionDigits: 2 }) =>
    new Intl.NumberFormat(language(), style).format(value),
};

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const current = () => {
  const name = location.hash.slice(1).split("/")[0];
  return VIEWS.includes(name) ? name : VIEWS[0];
};

async function mount() {
  const turn = ++mounting;
  const name = current();
  draw();
  const loaded = await import(`./${name}.js`).catch(() => null);
  if (turn !== mounting) return;
  unmount();
  const place = document.createElement("main");
  place.className = `container ${name}`;
  place.id = "view";
  document.getElementById("view").replaceWith(place);
  if (loaded === null) {
    unmount = () => {};
    render(
      html`<p class="empty">${say("no_view")}</p>
        <button class="outline" @click=${() => location.reload()}>${say("again")}</button>`,
      place,
    );
    return;
  }
  const given = Object.create(page, { say: { value: speaker(loaded.view.words, words) } });
  document.title = `${say(name)} · GENRE`;
  unmount = loaded.view.mount(place, given) ?? (() => {});
}

function draw() {
  const link = (name) =>
    html`<li>
      <a href="#${name}" aria-current=${name === current() ? "page" : nothing}>${say(name)}</a>
    </li>`;
  render(
    html`<header class="frame container">
        <a class="brand" href="#ask">GENRE</a>
        <nav aria-label=${say("views")}>
          <ul>
            ${VIEWS.map(link)}
          </ul>
        </nav>
        <div class="switches">
          <button class="quiet" lang=${other()} @click=${switchLanguage}>
            ${LANGUAGES[other()]}
          </button>
          <button
            class="quiet theme"
            aria-label=${say(isDark() ? "light" : "dark")}
            title=${say(isDark() ? "light" : "dark")}
            @click=${switchTheme}
          >
            ${isDark() ? "☀" : "☾"}
          </button>
        </div>
      </header>
      <p class="away container" role="alert" ?hidden=${away === null}>
        ${away === null ? "" : say(away)}
      </p>`,
    document.getElementById("frame"),
  );
}

const other = () => (language() === "zh" ? "en" : "zh");
const isDark = () =>
  (root.dataset.theme ??
    (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

function switchLanguage() {
  root.lang = other();
  localStorage.setItem("language", root.lang);
  mount();
}

function switchTheme() {
  root.dataset.theme = isDark() ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  mount();
}

/** Look until gateway and Kafka answer again, and say meanwhile what does not. */
async function trouble() {
  if (away !== null) return;
  for (;;) {
    const health = await fetch("health", { cache: "no-store" }).catch(() => null);
    const found = health?.ok ? null : health?.status === 503 ? "no_kafka" : "away";
    if (found !== away) {
      away = found;
      draw();
    }
    if (away === null) break;
    await new Promise((done) => setTimeout(done, HEALTH));
  }
  page.announce(say("back"));
}

addEventListener("hashchange", mount);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", mount);
mount();
