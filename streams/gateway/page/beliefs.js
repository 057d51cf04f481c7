/** What is believed about a user, as people say it. */

/** Likes and dislikes (`{about, mean, deviation}`) with a `label`, the strongest first. */
export const beliefs = (page, { likes = [], dislikes = [] }) =>
  [...likes, ...dislikes]
    .toSorted((one, other) => Math.abs(other.mean) - Math.abs(one.mean))
    .map((each) => ({ ...each, label: labelled(page, each.about) }));

/** One of them: "likes jokes". */
export const said = (page, { label, mean }) =>
  page.say(mean > 0 ? "likes" : "dislikes", { about: label });

const PLACES = { minimumFractionDigits: 2, maximumFractionDigits: 2 };

/** An effect with its sign, and its uncertainty. */
export const signed = (page, value) => page.number(value, { ...PLACES, signDisplay: "always" });
export const deviation = (page, value) => `± ${page.number(value, PLACES)}`;

/** A genre as people write it. */
export const spoken = (name) => name.replaceAll("_", " ");

// `about` is "genre product_description", "family verse", "style playful", or words.
function labelled(page, about) {
  const [kind, ...rest] = about.split(" ");
  const key = `about_${kind}`;
  return page.say(key) === key ? about : page.say(key, { name: spoken(rest.join(" ")) });
}
