/** The view genres. */

export const view = {
  words: { en: { title: "" }, zh: { title: "" } },
  mount(root, page) {
    page.render(page.html`<h1>${page.say("genres")}</h1>`, root);
    return () => {};
  },
};
