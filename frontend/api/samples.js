// Which sample suits which model: a digit is nothing to a network of photos.

/** Where a sample's picture lies. @param {string} file */
export const sampleUrl = (file) => `samples/${encodeURIComponent(file)}`;

/** The same, as small as a menu shows it. @param {string} file */
export const thumbnailUrl = (file) => `samples/small/${encodeURIComponent(file)}`;

/** What the address calls a sample: its file without the ending. @param {Sample} sample */
export const sampleName = (sample) => sample.file.replace(/\.\w+$/, "");

/** Whether a picture is of a kind, and of a thing, that a model knows. @param {Sample} sample @param {string} model @param {Sample[]} samples */
export const suits = (sample, model, samples) => suitedTo(model, samples).includes(sample);

/** Those chosen for a model, else all of the kind that it was trained on. @param {string} model @param {Sample[]} samples */
function suitedTo(model, samples) {
  const chosen = samples.filter((one) => one.chosen_for?.includes(model));
  return chosen.length ? chosen : samples.filter((one) => one.kind === kindOfModel(model, samples));
}

/** The kind of picture that a model was trained on; photos, unless a sample says otherwise. @param {string} id @param {Sample[]} samples */
export const kindOfModel = (id, samples) => samples.find((one) => one.model === id)?.kind ?? "photo";

/**
 * The sample to show a model with: the present one if it suits, else the model's own, else another that suits.
 * @param {string} model @param {{samples: Sample[], models: Model[]}} state @param {string | null} [present] its name
 */
export function sampleFor(model, { samples, models }, present = null) {
  const suited = suitedTo(model, samples);
  const ready = new Set(models.filter(({ status }) => status === "ready").map(({ id }) => id));
  return (
    suited.find((one) => sampleName(one) === present) ??
    suited.find((one) => one.model === model) ??
    suited.find((one) => ready.has(one.model)) ??
    suited[0]
  );
}

/**
 * The model to show a sample with: the present one stays, unless it was trained for another kind of picture. Then
 * the sample's own if it ships, else the server's default: a file of weights that appears changes neither.
 * @param {Sample} sample @param {{samples: Sample[], models: Model[], model: string | null}} state
 */
export function modelFor(sample, { model, models, samples }) {
  const kindOf = (/** @type {string} */ id) => kindOfModel(id, samples);
  const reads = models.some((one) => one.id === model && one.reads === "text");
  if (model && !reads && kindOf(model) === sample.kind) return model;
  const ready = models.filter(
    (one) => one.reads !== "text" && one.status === "ready" && kindOf(one.id) === sample.kind,
  );
  const own = ready.find((one) => one.id === sample.model);
  const first = own?.source === "bundled" ? own : (ready.find((one) => one.default) ?? own ?? ready[0]);
  return first?.id ?? sample.model;
}
