// The names that every module of the page may use in its types. What the server sends is generated (wire.d.ts); here it
// gets the shapes that the page goes by.

import type * as wire from "./wire.js";
import type { Problem as PageProblem } from "../api/api.js";
import type { Session as PageSession } from "../state/session.js";
import type { State as PageState, Store as PageStore } from "../state/store.js";
import type { Picture as PagePicture } from "../sites/picture.js";

declare global {
  /** Of patches or places; the server leaves out what is plain. */
  type Grid = Pick<wire.Grid, "rows" | "columns"> & Partial<wire.Grid>;
  type SiteOnWire = wire.SiteSummary;
  type Prediction = wire.Prediction;
  /** A download; what the page itself says of one that the server does not know has less to tell. */
  type Job = Pick<wire.Job, "state" | "received_bytes" | "total_bytes"> &
    Partial<Pick<wire.Job, "bytes_per_s" | "seconds_left" | "queue_position">> & {
      links?: wire.JobLinks | null;
      problem?: { title?: string; detail?: string; hint?: string | null } | null;
    };
  type Model = wire.ModelSummary;
  type ModelCard = wire.ModelCard;
  type Step = wire.Step;
  type MaskClass = wire.MaskClass;
  type Word = wire.Word;

  /** An attention: who looks at whom, in one or more heads. */
  type AttentionSite = SiteOnWire & { kind: "attention"; heads: number; queries: number; keys: number };
  /** A gate: a factor for every channel, or for every place. */
  type GateSite = SiteOnWire & { kind: "channel-gate" | "spatial-gate" };
  /** A spatial transformer: where each place of its output was read. */
  type WarpSite = SiteOnWire & {
    kind: "spatial-transformer";
    theta: number[][] | null;
    input_grid: Grid;
    output_grid: Grid;
    align_corners: boolean;
    reads_through: string[];
    channels: number;
  };
  type Site = AttentionSite | GateSite | WarpSite;
  /** Of all tokens at all tokens, with the keys at known places. */
  type PlacedSite = AttentionSite & { grid: Grid };
  /** Between tokens in windows, or from one grid to another. */
  type ScatteredSite = AttentionSite & { query_grid: Grid; key_grid: Grid };
  /** From words to places of the photo. */
  type CrossSite = AttentionSite & { query_labels: string[]; key_grid: Grid };
  /** From words to words. */
  type WordSite = AttentionSite & { query_labels: string[]; key_labels: string[] };
  /** Whose rows are words. */
  type WritingSite = AttentionSite & { query_labels: string[] };
  /** A change of the network or of the photo, as the API takes it (docs/what-if.md). */
  type Edit = {
    edit: string;
    site?: string;
    heads?: number[];
    channels?: number[];
    cells?: number[][];
    queries?: (string | number | number[])[];
    keys?: (string | number | number[])[];
    tokens?: (string | number | number[])[];
    temperature?: number;
    value?: number;
    theta?: number[][];
    fill?: string;
    seed?: number;
    text?: string;
  };
  type Change = wire.Change;
  type ClassChange = wire.ClassChange;
  type Output = wire.Analysis["output"];
  /** Where each place of a spatial transformer's output was read: (row, column) of points (x, y) from −1 to 1. */
  type Sampling = Pick<wire.SamplingGrid, "theta" | "align_corners"> & {
    input: Grid;
    output: Grid;
    grid: number[][][];
    points?: number[][][] | null;
  };
  type Written = wire.CaptionOutput | wire.SequenceOutput;
  type Cell = { row: number; column: number };
  type Analysis = Omit<wire.Analysis, "sites" | "edits"> & { sites: Site[]; edits: Edit[] };
  /** An array as the page has it: rows in C order. */
  type Tensor = { shape: number[]; data: Float32Array };
  /** A row of samples/samples.json. */
  type Sample = {
    file: string;
    title: string;
    kind: string;
    model: string;
    chosen_for?: string[];
    credit: string;
    licence: string;
    source: string;
  };
  type State = PageState;
  type Store = PageStore;
  type Session = PageSession;
  type Picture = PagePicture;
  /** A state that has something to draw. */
  type Drawn = Resolved & { picture: Picture; tables: NonNullable<State["tables"]> };
  /** A mechanism in a few lines, with the shown photo's own numbers. */
  /**
   * What is on screen, decided once for each change of the state (kinds/shown.js) and handed on: nobody else finds the
   * shown site, asks whether a map can be had of it, or which of its places can be asked.
   */
  type Shown<S extends Site = Site> = {
    analysis: Analysis;
    site: S;
    kind: SiteKind<S>;
    /** "site", "mask", "positions", or the name of one of the analysis's maps: what is had, where the chosen one is not. */
    method: string;
    /** That map, as the server lists it; null for a site or a mask. */
    offer: import("../sites/methods.js").Offer | null;
    /** What that map is asked for: a class, a word, a site. */
    parameters: Record<string, string | number | null>;
    /** Whose positions are shown, and which place is asked; null where no positions are. */
    positions: ShownPositions | null;
    /** The grid whose places can be asked; null for most maps of the whole network, and for gates. */
    asks: PatchGrid | null;
    /** The grid on which moving over the photo asks; null where a patch is pinned. */
    pointer: PatchGrid | null;
    /** The chosen query, or the default one where this site has no such place or token. */
    query: Query;
    /** Who asks: the place under the pointer, unless one is pinned. */
    asked: Query;
    /** The chosen head, or the mean where this site has no such head. */
    head: import("../sites/attention_rows.js").Head;
    /** The row of a site whose rows are words. */
    word: number | null;
  };
  type ShownPositions = { of: "photo" | "source" | "read" | null; cell: Cell; inside: boolean; parameters: Record<string, string> };
  type PatchGrid = import("../geometry.js").PatchGrid;
  type Query = import("../state/store.js").Query;
  /** A site's map as JSON, asked below the site's address. */
  type Ask = (what: "attention" | "gate" | "features", asked: Record<string, string | number>) => Promise<SiteMap>;
  type SiteMap = { values: (number | null)[][]; shape: number[]; sentence: string };
  /** Where the API has a picture's values, below the site's address; map: what the command line calls it. */
  type Asked = { path: string; asked: Record<string, string | number>; map: string | null };
  /** What a bar of the strip of sites is made from. */
  type Ahead = Tensor | import("../sites/attention_rows.js").AttentionSource;
  /** What the page knows of a kind of site. What its sites are called comes from the server (site.title). */
  type SiteKind<S extends Site = Site> = {
    /** Its name in ui/icons.js. */
    glyph(site: S): string;
    /** What the choice of its own map is called beside those of the whole network. */
    here: string;
    /** The tab that it has of its own. */
    tab: "heads" | "channels" | null;
    /** What of it an edit can shut one at a time. */
    shuts?: "channels";
    /** Of a cell of the strip of sites and of its bar. */
    meaning: string;
    /** What that bar's number is. */
    number: string;
    explanation(state: Resolved<S>, site: S, session: Session): Promise<Element[]>;
    /** What is drawn of a site. */
    picture(state: Resolved<S>, site: S, session: Session): Promise<Picture | null>;
    /** What Look says below the choices; without it, its channels in small. */
    reading?(state: Resolved<S> & Drawn, site: S, session: Session, set: (patch: Partial<State>) => void): Promise<Child | Child[]> | Child | Child[];
    /** What its bar's number is made from; without it, it has no bar. */
    ahead?(site: S, session: Session): Promise<Ahead>;
    /** That this takes, about. */
    bytes(site: S): number;
    /** Which is shown first beside other networks, the lowest; Infinity: it cannot be. */
    rank(site: S): number;
    /** Its map as JSON, beside other networks. */
    onPhoto(ask: Ask, cell: Cell | null): Promise<SiteMap>;
    /** Where the API has the picture's values; null where they are no array. */
    numbers(state: Resolved<S>, site: S, session: Session): Promise<Asked | null> | Asked | null;
    /** What Numbers says instead of the map's facts. */
    facts?(site: S, session: Session): Promise<[string, Child][]>;
    /** What can be changed of a site; without it, nothing yet. */
    whatIf?(): Promise<WhatIfControls<S>>;
  };
  type WhatIfControls<S extends Site = Site> = {
    whatIf(state: Resolved<S>, site: S, what: import("../kinds/edits.js").WhatIf): Element[];
  };
  type Child = import("../ui/dom.js").Child;
  /** A state with something on screen. */
  type Resolved<S extends Site = Site> = State & { shown: Shown<S> };
  type Explanation<S extends Site = Site> = SiteKind<S>["explanation"];
  type Problem = PageProblem;
  type Context = { store: Store; session: Session };
}
