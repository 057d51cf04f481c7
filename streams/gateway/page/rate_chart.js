/** A rate over time as a line that goes on. */

import { uPlot } from "./uplot.js";

const HEIGHT = 200; // pixels

/**
 * Draw into `place`; `names` are those of time and rate, in the page's language. Resolves with
 * `{update([times, rates]), end()}`, times in seconds.
 */
export async function rateChart(place, names, language) {
  const Plot = await uPlot();
  const style = getComputedStyle(place);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--pico-color"),
    grid: { stroke: colour("--pico-muted-border-color"), width: 1 },
    ticks: { show: false },
    font: `13px ${style.fontFamily}`,
  };
  const clock = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
  const size = () => ({ width: place.clientWidth, height: HEIGHT });
  const plot = new Plot(
    {
      ...size(),
      cursor: { show: false },
      legend: { show: false },
      scales: { y: { range: (_, least, most) => [0, Math.max(1, most * 1.1)] } },
      axes: [
        {
          ...axis,
          space: 110,
          values: (_, splits) => splits.map((at) => clock.format(new Date(1000 * at))),
        },
        { ...axis, size: 56 },
      ],
      series: [
        { label: names.time },
        { label: names.rate, stroke: colour("--pico-primary"), width: 2, spanGaps: false },
      ],
    },
    [[], []],
    place,
  );
  const watching = new ResizeObserver(() => plot.setSize(size()));
  watching.observe(place);
  return {
    update: (data) => plot.setData(data),
    end: () => (watching.disconnect(), plot.destroy()),
  };
}
