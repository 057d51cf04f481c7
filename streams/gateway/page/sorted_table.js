/** A table that stays sorted by the column that was chosen, whatever its rows become. */

/**
 * `columns` are `{key, label, of(row), show(row)}`: `of` gives what is sorted by, null last; those
 * with `isText` go up first, numbers down. `sorting` is `{key, isDown}` and is changed in place;
 * `redraw()` is called then.
 */
export function sortedTable(page, { caption, columns, rows, sorting, redraw }) {
  const { html, nothing, say } = page;
  const chosen = columns.find((each) => each.key === sorting.key) ?? columns[0];
  const sort = (column) => {
    const isAgain = column.key === sorting.key;
    Object.assign(sorting, {
      key: column.key,
      isDown: isAgain ? !sorting.isDown : !column.isText,
    });
    redraw();
    page.announce(say(sorting.isDown ? "sorted_down" : "sorted_up", { column: column.label }));
  };
  const direction = (column) =>
    column !== chosen ? nothing : sorting.isDown ? "descending" : "ascending";
  const arrow = (column) => (column !== chosen ? "" : sorting.isDown ? "▾" : "▴");
  return html`<div class="wide" tabindex="0" role="region" aria-label=${caption}>
    <table>
      <caption class="unseen">
        ${caption}
      </caption>
      <thead>
        <tr>
          ${columns.map(
            (column) =>
              html`<th scope="col" aria-sort=${direction(column)} class=${kind(column)}>
                <button class="sort" @click=${() => sort(column)}>
                  ${column.label}<span aria-hidden="true">${arrow(column)}</span>
                </button>
              </th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${inOrder(rows, chosen, sorting.isDown).map(
          (row) =>
            html`<tr>
              ${columns.map(
                (column, index) =>
                  index === 0
                    ? html`<th scope="row">${column.show(row)}</th>`
                    : html`<td class=${kind(column)}>${column.show(row)}</td>`,
              )}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const kind = (column) => (column.isText ? "" : "number");

/** A copy of the rows, in order; equal ones stay as they came. */
export function inOrder(rows, column, isDown) {
  const sign = isDown ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [column.of(one), column.of(other)];
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (typeof a === "string" ? a.localeCompare(b) : a - b);
  });
}
