/** Who it is about: a field for a user's id, with those of this browser to choose from. */

/** The field; `chosen` is called after the page's user has changed. */
export function who(page, label, chosen) {
  const change = ({ target }) => {
    const user = target.value.trim();
    if (!user || user === page.user || !target.reportValidity()) return;
    page.user = user;
    chosen();
  };
  return page.html`<label class="who">
      <span>${label}</span>
      <input name="user" list="users" required maxlength="256" pattern="[^\\/]+" autocomplete="off"
        spellcheck="false" .value=${page.user} @change=${change}>
    </label>
    <datalist id="users">
      ${page.recent.map((user) => page.html`<option value=${user}></option>`)}
    </datalist>`;
}
