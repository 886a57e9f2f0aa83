// The strip of sites: one cell a site, in order of execution, glyph by kind, and a bar for the site's number or,
// of a spatial transformer, where its window lies.

import { say } from "../language/language.js";
import { h, moveFocus, put, svg } from "../ui/dom.js";
import { number } from "../ui/format.js";
import { icon } from "../ui/icons.js";
import { roleOf, siteTitle, visit } from "../sites/sites.js";
import { kindOf } from "../kinds/registry.js";
import { corners } from "../kinds/warp/theta.js";

/** @param {HTMLElement} root @param {Context} context */
export function mountDepth(root, { store }) {
  const strip = h("div", {
    class: "strip",
    role: "radiogroup",
    "aria-label": say("Sites, first to last"),
    onkeydown: moveFocus,
  });
  const meaning = h("p", { class: "quiet strip-meaning" });
  root.append(strip, meaning);
  /** @type {Map<string, HTMLElement>} */
  let cells = new Map();

  store.on(["analysisData"], ({ analysisData: analysis }) => {
    cells = new Map(analysis.sites.map((/** @type {Site} */ site) => [site.id, cell(site)]));
    put(
      strip,
      cells.size
        ? [...cells.values()]
        : h("p", { class: "quiet" }, say("This model has no site that can be shown.")),
    );
  });

  /** @param {Site} site */
  function cell(site) {
    return h(
      "button",
      {
        type: "button",
        role: "radio",
        class: "site",
        "data-site": site.id,
        "aria-checked": "false",
        tabindex: -1,
        "aria-label": [siteTitle(site), roleOf(site), site.name].filter(Boolean).join(", "),
        title: titleOf(site),
        onclick: () => store.set(visit(store.get(), site)),
      },
      h("span", { class: "spark" }, "theta" in site && site.theta && site.input_grid ? windowOf(site.theta, site.input_grid) : h("i")),
      icon(kindOf(site).glyph(site)),
      h("span", { class: "layer" }, site.layer),
    );
  }

  store.on(["analysisData", "site"], ({ site, analysisData: analysis }) => {
    const chosen = analysis?.sites.find((/** @type {Site} */ one) => one.id === site);
    meaning.textContent = chosen ? kindOf(chosen).meaning : "";
    for (const [id, button] of cells) {
      button.setAttribute("aria-checked", String(id === site));
      button.tabIndex = id === site ? 0 : -1;
    }
    const shown = cells.get(site ?? "");
    if (!shown) return;
    const { offsetLeft, offsetWidth } = shown;
    const outside =
      offsetLeft < strip.scrollLeft || offsetLeft + offsetWidth > strip.scrollLeft + strip.clientWidth;
    if (outside) strip.scrollLeft = offsetLeft - strip.clientWidth / 2;
  });

  store.on(["summaries", "analysisData"], ({ summaries, analysisData }) => {
    // Attention and gates are different numbers: each kind is scaled by its own largest.
    const kinds = new Map(analysisData.sites.map((/** @type {Site} */ site) => [site.id, site.kind]));
    /** @type {Record<string, number>} */
    const highest = {};
    for (const [id, value] of Object.entries(summaries)) {
      const kind = kinds.get(id) ?? "";
      highest[kind] = Math.max(highest[kind] ?? 1e-9, /** @type {number} */ (value));
    }
    for (const [id, value] of Object.entries(summaries)) {
      const button = cells.get(id);
      const kind = kinds.get(id);
      const site = analysisData.sites.find((one) => one.id === id);
      if (!button || !kind || !site) continue;
      const share = /** @type {number} */ (value) / highest[kind];
      /** @type {HTMLElement} */ (button.querySelector("i")).style.height = `${Math.max(6, 100 * share)}%`;
      button.title = `${titleOf(site)} · ${kindOf(site).number} ${number(/** @type {number} */ (value))}`;
    }
  });
}

/** A spatial transformer's input as a frame and its window on it, the window's upper side drawn thicker. @param {number[][]} theta @param {Grid} input */
function windowOf(theta, { rows, columns }) {
  const points = corners(theta).map(([x, y]) => [x * columns, y * rows]);
  const [[x1, y1], [x2, y2]] = points;
  return svg(
    "svg",
    { class: "window", viewBox: `${-columns} ${-rows} ${2 * columns} ${2 * rows}`, "aria-hidden": "true" },
    svg("rect", { x: -columns, y: -rows, width: 2 * columns, height: 2 * rows }),
    svg("polygon", { points: points.join(" ") }),
    svg("line", { x1, y1, x2, y2 }),
  );
}

/** @param {Site} site */
const titleOf = (site) => [siteTitle(site), roleOf(site), site.name].filter(Boolean).join(" · ");
