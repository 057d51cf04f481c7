/** The view user. */

export const view = {
  words: { en: { title: "" }, zh: { title: "" } },
  mount(root, page) {
    page.render(page.html`<h1>${page.say("user")}</h1>`, root);
    return () => {};
  },
};
