// Plotly, loaded when the first chart is wanted, and the charts' quiet look.

import { say } from "../language/language.js";

/** What a chart's height means, to be written above it. @param {{layout: any}} figure @returns {string} */
export const heightMeans = ({ layout }) => layout.yaxis?.title?.text ?? "";

/** @type {Promise<any> | null} */
let loading = null;

/** @returns {Promise<any>} the Plotly library */
function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "vendor/plotly.min.js";
    script.onload = () => resolve(/** @type {any} */ (globalThis).Plotly);
    script.onerror = () => {
      loading = null;
      reject(new Error(say("The charts could not be loaded.")));
    };
    document.head.append(script);
  });
  return loading;
}

/**
 * Draws a figure of the API in an element, in the page's type and colours.
 * @param {HTMLElement} element
 * @param {{data: any[], layout: any}} figure
 * @param {(point: any) => void} [choose]  called with the hovered or clicked point
 */
export async function drawChart(element, { data, layout }, choose) {
  const library = await plotly();
  const style = getComputedStyle(element);
  const line = style.getPropertyValue("--line");
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
  const quiet = {
    ...layout,
    font: { family: style.fontFamily, size: 12, color: style.color },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    title: undefined, // the panel's own heading says it
    margin: { l: 8, r: 8, t: 8, b: 8 },
    autosize: true,
    xaxis: { ...layout.xaxis, ...axis },
    yaxis: { ...layout.yaxis, ...axis, title: undefined }, // too long for a narrow panel: see heightMeans
  };
  await library.react(element, data, quiet, { displaylogo: false, responsive: true, displayModeBar: false });
  const target = /** @type {any} */ (element);
  target.removeAllListeners("plotly_click");
  target.removeAllListeners("plotly_hover");
  if (choose)
    for (const event of ["plotly_click", "plotly_hover"])
      target.on(event, (/** @type {any} */ { points }) => choose(points[0]));
}
