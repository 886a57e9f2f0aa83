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
  type Drawn = State & { picture: Picture; tables: NonNullable<State["tables"]> };
  /** A mechanism in a few lines, with the shown photo's own numbers. */
  type Explanation<S = any> = (state: State, site: S, session: Session) => Promise<Element[]>;
  type Problem = PageProblem;
  type Context = { store: Store; session: Session };
}
