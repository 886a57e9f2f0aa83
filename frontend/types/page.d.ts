// The names that every module of the page may use in its types. What the server sends is generated (wire.d.ts); here it
// gets the shapes that the page goes by.

import type * as wire from "./wire.js";
import type { Session as PageSession } from "../state/session.js";
import type { State as PageState, Store as PageStore } from "../state/store.js";
import type { Picture as PagePicture } from "../sites/picture.js";

declare global {
  type Grid = wire.Grid;
  type Prediction = wire.Prediction;
  type Job = wire.Job;
  type Model = wire.ModelSummary;
  type ModelCard = wire.ModelCard;
  type Step = wire.Step;
  type MaskClass = wire.MaskClass;
  type Word = wire.Word;

  /** An attention: who looks at whom, in one or more heads. */
  type AttentionSite = wire.SiteSummary & { kind: "attention"; heads: number; queries: number; keys: number };
  /** A gate: a factor for every channel, or for every place. */
  type GateSite = wire.SiteSummary & { kind: "channel-gate" | "spatial-gate" };
  /** A spatial transformer: where each place of its output was read. */
  type WarpSite = wire.SiteSummary & {
    kind: "spatial-transformer";
    theta: number[][];
    input_grid: Grid;
    output_grid: Grid;
    align_corners: boolean;
    reads_through: string[];
    channels: number;
  };
  type Site = AttentionSite | GateSite | WarpSite;
  type Output = wire.Analysis["output"];
  type Analysis = Omit<wire.Analysis, "sites"> & { sites: Site[] };
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
  type Context = { store: Store; session: Session };
}
