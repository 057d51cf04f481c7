/** Questions that the page asks before it goes on. */

import { html, nothing, render } from "./vendor/lit-html@3.3.3/lit-html.js";

const place = document.getElementById("dialogs");

/** Show a dialog until it is answered; `fields` is its inside. Resolves with what `answer(form)`
 * makes of it, or null where it was left. */
function ask({ title, text, action, cancel, isGrave = false, fields = nothing, answer }) {
  return new Promise((done) => {
    let answered = null;
    const submit = (event) => {
      event.preventDefault();
      answered = answer(event.target);
      dialog().close();
    };
    const dialog = () => place.querySelector("dialog");
    const closed = () => {
      render(nothing, place);
      done(answered);
    };
    render(
      html`<dialog aria-labelledby="dialog-title" @close=${closed}>
        <article>
          <form @submit=${submit}>
            <h2 id="dialog-title">${title}</h2>
            <p>${text}</p>
            ${fields}
            <footer>
              <button type="button" class="secondary outline" @click=${() => dialog().close()}>
                ${cancel}
              </button>
              <button class=${isGrave ? "grave" : ""}>${action}</button>
            </footer>
          </form>
        </article>
      </dialog>`,
      place,
    );
    dialog().showModal();
  });
}

/** Questions in the words of `say`. */
export function dialogs(say) {
  return {
    /** Whether somebody agrees; `isGrave` for what cannot be undone. */
    confirm: async ({ title, text, action, isGrave }) =>
      (await ask({ title, text, action, isGrave, cancel: say("cancel"), answer: () => true })) ??
      false,
    /** A key, or null. */
    askForKey: (isWrong) =>
      ask({
        title: say("key_title"),
        text: say(isWrong ? "key_wrong" : "key_text"),
        action: say("key_use"),
        cancel: say("cancel"),
        fields: html`<label>
          ${say("key")}
          <input name="key" type="password" autocomplete="off" required autofocus />
        </label>`,
        // What is pasted along with a key, and no header takes.
        answer: (form) => form.elements.key.value.replace(/[^\x21-\x7e]/g, ""),
      }),
  };
}
