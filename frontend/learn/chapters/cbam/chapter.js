// Chapter 8: two branches, a channel gate and a spatial gate, in three arrangements.

import { largest } from "../../attending.js";
import { allOf, commonRange, nth, scaledBy } from "../../gating.js";
import { live } from "../../lesson.js";

const ARRANGEMENTS = ["cbam_resnet", "cbam_resnet_spatial_first", "cbam_resnet_parallel"];

/** @type {import("../../types.js").Chapter} */
export default {
  network: "cbam_resnet",
  state: { arrangement: 0, mask: "trained" },

  async load(lesson) {
    const found = [];
    for (const network of ARRANGEMENTS) {
      const { analysis } = await lesson.beside(network); // one after the other: what is beside is put back each time
      const channels = analysis.sites.filter(({ kind }) => kind === "channel-gate")[1];
      const places = analysis.sites.filter(({ kind }) => kind === "spatial-gate")[1];
      found.push({ analysis, channels, places });
    }
    const steps = await Promise.all(found.map(async (one) => [await lesson.steps(one.analysis, one.channels), await lesson.steps(one.analysis, one.places)]));
    const whole = found.map((one, at) => ({ ...one, ofChannels: steps[at][0], ofPlaces: steps[at][1] }));
    const mask = allOf(whole[0].ofPlaces, "sigmoid").flat();
    const columns = /** @type {Grid} */ (whole[0].places.grid).columns;
    const most = largest(mask);
    return { each: whole, site: whole[0].places, state: { channel: largest(allOf(whole[0].ofChannels, "sigmoid")), cell: { row: Math.floor(most / columns), column: most % columns } } };
  },

  async look(lesson, { each }, { arrangement, channel, mask }) {
    const { analysis, channels, places } = each[arrangement];
    const first = analysis.sites.indexOf(channels) < analysis.sites.indexOf(places) ? channels : places;
    const second = first === channels ? places : channels;
    const edits = mask === "trained" ? [] : [{ edit: "open", site: mask === "no-places" ? places.id : channels.id }];
    const [before, between, edited] = await Promise.all([lesson.channel(analysis, first, channel), lesson.channel(analysis, second, channel), lesson.edited(analysis, edits)]);
    return { before: before.data, between: between.data, edited, answer: lesson.answered(analysis) };
  },

  numbers({ each }, { arrangement, channel, cell }, looked) {
    const { ofChannels, ofPlaces } = each[arrangement];
    const at = [cell.row, cell.column];
    return {
      channel: { value: channel },
      row: { value: cell.row, cell },
      column: { value: cell.column, cell },
      C: live(ofChannels, "steps", 0, "shape", 0),
      hidden: live(ofChannels, "steps", 2, "shape", 0),
      average: nth(ofChannels, "mean", 0, channel),
      maximum: nth(ofChannels, "maximum", 0, channel),
      fromAverage: nth(ofChannels, "fully connected", 1, channel),
      fromMaximum: nth(ofChannels, "fully connected", 3, channel),
      sum: nth(ofChannels, "sum", 0, channel),
      s: nth(ofChannels, "sigmoid", 0, channel),
      placeMean: { ...nth(ofPlaces, "mean", 0, ...at), cell },
      placeMax: { ...nth(ofPlaces, "maximum", 0, ...at), cell },
      conv: { ...nth(ofPlaces, "convolution", 0, ...at), cell },
      normal: { ...nth(ofPlaces, "normalised", 0, ...at), cell },
      m: { ...nth(ofPlaces, "sigmoid", 0, ...at), cell },
      both: { value: allOf(ofChannels, "sigmoid")[channel] * /** @type {any} */ (allOf(ofPlaces, "sigmoid"))[cell.row][cell.column] },
      top0: live({ path: `v1/analyses/${each[0].analysis.id}`, json: each[0].analysis }, "predictions", 0, "score"),
      top1: live({ path: `v1/analyses/${each[1].analysis.id}`, json: each[1].analysis }, "predictions", 0, "score"),
      top2: live({ path: `v1/analyses/${each[2].analysis.id}`, json: each[2].analysis }, "predictions", 0, "score"),
      ...(looked && {
        top: live(looked.answer, "predictions", 0, "label"),
        before: live(looked.answer, "predictions", 0, "score"),
        after: looked.edited.json.change ? live(looked.edited, "change", "classes", 0, "after", "score") : live(looked.answer, "predictions", 0, "score"),
      }),
    };
  },

  controls: (_, { arrangement, mask }) => [
    { type: "choice", name: "arrangement", value: arrangement, options: ["channel-first", "spatial-first", "parallel"].map((label, value) => ({ value, label })), label: "arrangement" },
    { type: "choice", name: "mask", value: mask, options: ["trained", "no-channels", "no-places"].map((value) => ({ value, label: value })), label: "gates" },
  ],

  figures({ each }, { arrangement, channel, cell }, looked) {
    const { analysis, ofChannels, ofPlaces, places } = each[arrangement];
    const factors = allOf(ofChannels, "sigmoid");
    const mask = allOf(ofPlaces, "sigmoid").flat();
    const grid = places.grid;
    const channelFirst = analysis.sites.findIndex((/** @type {Site} */ one) => one.id === each[arrangement].channels.id) < analysis.sites.findIndex((/** @type {Site} */ one) => one.id === places.id);
    const before = looked?.before ?? [];
    const between = looked?.between ?? [];
    const after = arrangement === 2 ? scaledBy(scaledBy(before, factors[channel]), mask) : channelFirst ? scaledBy(between, mask) : scaledBy(between, factors[channel]);
    const map = (/** @type {string} */ label, /** @type {ArrayLike<number>} */ values) => ({ label, values: values.length ? values : null, columns: grid.columns, grid, analysis });
    return [
      {
        type: "photo",
        map: mask,
        grid,
        analysis,
        click: "cell",
        cells: { cell },
        marks: [{ cell, kind: "query" }],
        label: "photo-label",
        caption: "photo-caption",
      },
      {
        type: "bars",
        rows: [
          { label: "branch-average", of: "fully connected 1", values: allOf(ofChannels, "fully connected", 1) },
          { label: "branch-maximum", of: "fully connected 3", values: allOf(ofChannels, "fully connected", 3) },
          { label: "factors", of: "sigmoid", values: factors },
        ],
        choose: "channel",
        chosen: channel,
        caption: "bars-caption",
      },
      { type: "maps", items: [map("map-before", before), map("map-between", between), map("map-after", after)], range: commonRange([before, between, after]), caption: "maps-caption" },
      { type: "answer", analysis, change: looked?.edited.json.change, caption: "answer-caption" },
    ];
  },

  steps: [
    { id: "squeeze", formula: "z_(avg) = AvgPool(F),  z_(max) = MaxPool(F)", worked: "{average},  {maximum}" },
    { id: "shared", formula: "MLP(z) = W_1 max(0, W_0 z)", worked: "MLP(z_(avg))_c = {fromAverage},  MLP(z_(max))_c = {fromMaximum}" },
    { id: "channel", formula: "M_c = σ(MLP(z_(avg)) + MLP(z_(max)))", worked: "σ({fromAverage} + {fromMaximum}) = σ({sum}) = {s}" },
    { id: "flatten", formula: "[AvgPool_c(F); MaxPool_c(F)]", worked: "[{placeMean}; {placeMax}]" },
    { id: "place", formula: "M_s = σ(f⁷ˣ⁷([avg; max]))", worked: "{conv} → {normal} → σ = {m}" },
    { id: "both", worked: "{s} × {m} = {both}" },
  ],

  questions: [
    ({ fromAverage, fromMaximum }) => (Math.abs(Number(fromAverage.value)) > Math.abs(Number(fromMaximum.value)) ? 0 : 1),
    ({ m }) => (Number(m.value) > 0.5 ? 0 : 1),
    ({ top0, top1, top2 }) => largest([Number(top0.value), Number(top1.value), Number(top2.value)]),
  ],

  papers: [{ cite: "Woo et al. 2018", title: "CBAM: Convolutional Block Attention Module", equation: "1–3", formula: "F′ = M_c(F) ⊗ F,  F″ = M_s(F′) ⊗ F′", href: "https://arxiv.org/abs/1807.06521" }],
};
