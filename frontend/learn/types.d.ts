// What a chapter is made of: data that the frame draws. Read chapters/attention for an example.

/** Where a number is in a figure. */
export type Place = {
  /** A patch of the photo. */
  cell?: Cell;
  /** A bar: the step of the mechanism that the row of bars shows, and which bar. */
  bar?: [string, number];
  /** A cell of the matrix. */
  at?: Cell;
  /** A word that is written. */
  word?: number;
  /** A class of the network's answer. */
  answer?: number;
};

/** A number of the text: its value, where it comes from, and where it is in the figures. */
export type Live = Place & {
  value: number | string;
  /** Address of the API and the place in its answer, as `path#/json/pointer`; left out where it is computed. */
  from?: string;
};
export type Numbers = Record<string, Live>;

/** An answer of the server and its address. */
export type Answer = { path: string; json: any };

export type State = Record<string, any>;

/** A figure or a control: its type names a module of figures/, the rest is that module's. */
export type Spec = { type: string; [property: string]: any };

export type ChapterStep = {
  /** The name of its text in the language files. */
  id: string;
  formula?: string;
  /** The same with numbers, `{name}` for each. */
  worked?: string;
  bars?: (data: any, state: State, looked: any) => ArrayLike<number | null> | undefined;
  /** The step of the mechanism that these bars are of. */
  of?: string;
};

export type Paper = { cite: string; title: string; place?: string; equation?: number | string; formula?: string; href: string };

/** The part of a chapter that no language changes: folder/chapter.js. */
export type Chapter = {
  /** The network that it watches. */
  network: string;
  state: State;
  /** What is needed once for a photo. */
  load: (lesson: import("./lesson.js").Lesson) => Promise<any>;
  /** What the server is asked again whenever the state changes; null where nothing is. */
  look?: (lesson: import("./lesson.js").Lesson, data: any, state: State) => Promise<any>;
  /** What a change makes of the state, where it is more than the change itself. */
  changed?: (state: State, patch: State) => State;
  numbers: (data: any, state: State, looked: any) => Numbers;
  controls?: (data: any, state: State, looked: any) => Spec[];
  figures: (data: any, state: State, looked: any) => Spec[];
  steps: ChapterStep[];
  /** The right choice of each question, computed from the numbers. */
  questions: ((numbers: Numbers, data: any, looked: any) => number)[];
  papers: Paper[];
  sentence?: boolean;
};

/** The part of a chapter in one language: folder/en.js, folder/zh.js. */
export type Words = {
  idea: string[];
  look: string;
  labels?: Record<string, string>;
  steps: Record<string, string>;
  try: string[];
  wrong: string[];
  questions: { ask: string; choices: string[]; because: string }[];
  paper: string;
};

/** folder/about.json, which the server puts together for the contents. */
export type About = { slug: string; order: number; network: string; title: Record<string, string>; shows?: string[] };
