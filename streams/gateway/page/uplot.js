/** uPlot, loaded once it is needed: half of what the page weighs. */

const SCRIPT = new URL("vendor/uplot@1.6.32/dist/uPlot.iife.min.js", import.meta.url);
const SHEET = new URL("vendor/uplot@1.6.32/dist/uPlot.min.css", import.meta.url);

let loading = null;

export function uPlot() {
  loading ??= new Promise((done, fail) => {
    const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: SHEET });
    const script = Object.assign(document.createElement("script"), { src: SCRIPT });
    script.onload = () => done(window.uPlot);
    script.onerror = () => ((loading = null), fail(new Error("no chart")));
    document.head.append(sheet, script);
  });
  return loading;
}
