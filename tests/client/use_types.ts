// What test_generated.py compiles against the types of openapi-typescript, and runs.
import type { operations, paths } from "./fovea";

type Analysis = operations["analyse"]["responses"]["201"]["content"]["application/json"];
type Job = operations["read_job"]["responses"]["200"]["content"]["application/json"];
type Problem = operations["read_map"]["responses"]["404"]["content"]["application/problem+json"];
type Sweep = operations["sweep_analysis"]["requestBody"]["content"]["application/json"];
type MapQuery = NonNullable<operations["read_map"]["parameters"]["query"]>;
const [base, photo] = process.argv.slice(2) as [string, string];

/** The address of an operation, with what stands in its path. */
function at<P extends keyof paths>(path: P, parts: Record<string, string> = {}): string {
  return base + Object.entries(parts).reduce((said, [k, v]) => said.replace(`{${k}}`, v), path as string);
}

const form = new FormData();
form.set("image", new Blob([Buffer.from(photo, "base64")], { type: "image/png" }), "noise.png");
form.set("model", "MODEL");
const sent = await fetch(at("/v1/analyses"), { method: "POST", body: form });
const seen = (await sent.json()) as Analysis;
const score: number = seen.predictions[0]!.score;

const asked = (query: MapQuery, method = "relevance") =>
  fetch(at("/v1/analyses/{id}/maps/{method}", { id: seen.id, method }) + "?" + new URLSearchParams(query as Record<string, string>));
const png = new Uint8Array(await (await asked({ format: "png", target: "3" })).arrayBuffer());
const npy = new Uint8Array(await (await asked({ format: "npy", target: "3" })).arrayBuffer());
const problem = (await (await asked({}, "no-such-map")).json()) as Problem;

const body: Sweep = { over: "heads" };
const headers = { "Content-Type": "application/json" };
const started = await fetch(at("/v1/analyses/{id}/sweeps", { id: seen.id }), { method: "POST", body: JSON.stringify(body), headers });
let job = (await started.json()) as Job;
while (job.state === "queued" || job.state === "running") {
  await new Promise((next) => setTimeout(next, 50));
  job = (await (await fetch(base + job.links.self)).json()) as Job;
}
console.log(JSON.stringify({ score, png: [...png.slice(0, 4)], npy: [...npy.slice(0, 6)], problem: problem.type, job: job.state }));
