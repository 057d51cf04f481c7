/** Tastes as a chart: one line each, its mean and one deviation to both sides. */

import { uPlot } from "./uplot.js";

const LINE = 34,
  ROOM = 64; // pixels of a taste, and of the axis below

/**
 * Draw `tastes` (`{label, mean, deviation}`, the strongest first) into `place`, anew at each width;
 * `effect` names the axis. Resolves with a function that ends it.
 */
export async function chart(place, tastes, { effect, number }) {
  const Plot = await uPlot();
  const style = getComputedStyle(place);
  const colour = (name) => style.getPropertyValue(name).trim();
  const [ink, faint] = [colour("--pico-color"), colour("--pico-muted-border-color")];
  const font = `13px ${style.fontFamily}`;
  const rows = tastes.map((_, index) => index);
  const extreme =
    Math.max(...tastes.map((each) => Math.abs(each.mean) + each.deviation), 0.1) * 1.08;
  const labels = Math.min(200, place.clientWidth * 0.42);

  const whiskers = (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = ink;
    ctx.fillRect(plot.valToPos(0, "effect", true), bbox.top, devicePixelRatio, bbox.height);
    for (const [index, { mean, deviation }] of tastes.entries()) {
      const y = plot.valToPos(index, "x", true);
      const [from, at, to] = [mean - deviation, mean, mean + deviation].map((value) =>
        plot.valToPos(value, "effect", true),
      );
      ctx.strokeStyle = ctx.fillStyle = colour(mean > 0 ? "--good" : "--bad");
      ctx.lineWidth = 2 * devicePixelRatio;
      ctx.beginPath();
      ctx.moveTo(from, y);
      ctx.lineTo(to, y);
      ctx.stroke();
      ctx.beginPath();
      ctx.arc(at, y, 5 * devicePixelRatio, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.restore();
  };

  const size = () => ({ width: place.clientWidth, height: tastes.length * LINE + ROOM });
  const axis = {
    stroke: ink,
    font,
    labelFont: font,
    grid: { stroke: faint },
    ticks: { show: false },
  };
  const plot = new Plot(
    {
      ...size(),
      cursor: { show: false },
      legend: { show: false },
      scales: {
        x: { time: false, ori: 1, dir: -1, range: [-0.5, tastes.length - 0.5] },
        effect: { ori: 0, range: [-extreme, extreme] },
      },
      axes: [
        {
          ...axis,
          side: 3,
          size: labels,
          splits: rows,
          values: (_, splits) => splits.map((index) => fitted(tastes[index].label, labels, font)),
        },
        {
          ...axis,
          scale: "effect",
          side: 2,
          size: 30,
          label: effect,
          labelSize: 22,
          values: (_, splits) => splits.map(number),
        },
      ],
      series: [{}, { scale: "effect", paths: () => null, points: { show: false } }],
      hooks: { draw: [whiskers] },
    },
    [rows, tastes.map((each) => each.mean)],
    place,
  );
  const watching = new ResizeObserver(() => plot.setSize(size()));
  watching.observe(place);
  return () => {
    watching.disconnect();
    plot.destroy();
  };
}

/** A label cut to so many pixels; the table says it whole. */
function fitted(label, width, font) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = font;
  let shown = label;
  while (shown.length > 4 && context.measureText(shown).width > width - 24) {
    shown = `${shown.slice(0, -2).trimEnd()}…`;
  }
  return shown;
}
