"use strict";

// Texts reach the page through textContent alone, so that no prompt can become markup.
const POLL_MS = 250;
const KEPT_RESULTS = 8;
const SLIDERS = ["num_samples", "num_steps", "guidance_scale"];
const byId = (id) => document.getElementById(id);
const form = byId("form");
let current = null; // id of the job we wait for
let maxSeed = 0;

const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

const ask = async (path, options = {}) => {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The demo does not answer. Does it still run in its terminal?");
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.message || `The demo answered with status ${answer.status}.`);
  return content;
};

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const showProblem = (text) => {
  byId("problem").textContent = text;
  byId("problem").hidden = text === "";
};

const facts = (entries) =>
  Object.entries(entries).flatMap(([name, value]) => [
    element("dt", {}, name.replaceAll("_", " ")),
    element("dd", {}, String(value)),
  ]);

// The text as it will be read: which signs it names, which words nobody knows.
let reading = 0;
const read = async () => {
  const number = ++reading;
  const found = await ask(`/api/signs?text=${encodeURIComponent(form.text.value)}`).catch(() => null);
  if (number !== reading || found === null) return found;
  const line = byId("reading");
  const parts = [];
  if (found.signs.length > 0) parts.push(`Signs: ${found.signs.join(" → ")}`);
  if (found.unknown.length > 0) parts.push(`unknown: ${found.unknown.join(", ")}`);
  line.textContent = parts.join("; ");
  line.classList.toggle("unknown", found.unknown.length > 0);
  for (const chip of byId("signs").children) {
    chip.setAttribute("aria-pressed", String(found.signs.includes(chip.textContent)));
  }
  return found;
};

const pick = (sign) => {
  form.text.value = `${form.text.value.trim()} ${sign}`.trim();
  read();
};

const figure = (source, label, extras, name) => {
  const video = element("video", { src: source, loop: "", muted: "", playsinline: "", controls: "", "aria-label": label });
  video.muted = true;
  video.autoplay = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  return element("figure", { class: name }, video, element("figcaption", {}, ...extras));
};

const made = (job, clip, number, text) => {
  const source = (kind) => `/api/jobs/${job.id}/${number}.${kind}`;
  const stem = text.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60) || "clip";
  const links = ["mp4", "gif", "png"].map((kind) =>
    element("a", { href: source(kind), download: `${stem}-seed${clip.seed}.${kind}` }, kind),
  );
  const shown = figure(
    source("mp4"),
    `${text}: AI-generated, seed ${clip.seed}`,
    [element("span", {}, `seed ${clip.seed}`), element("span", { class: "downloads" }, ...links)],
    "made",
  );
  shown.append(element("details", {}, element("summary", {}, "Provenance"), element("dl", {}, ...facts(clip.facts))));
  return shown;
};

const realClip = async (sign) => {
  const query = `prompt=${encodeURIComponent(sign)}`;
  const { origin } = await ask(`/api/real?${query}`).catch(() => ({ origin: null }));
  if (origin === null) return null;
  return figure(`/api/real.mp4?${query}`, `${sign}: ${origin}`, [element("span", {}, `${sign}: ${origin}`)], "real");
};

const show = async (job, asked, signs) => {
  const reals = (await Promise.all([...new Set(signs)].map(realClip))).filter((clip) => clip !== null);
  const clips = job.clips.map((clip, number) => made(job, clip, number, asked.text));
  const settings = `${asked.num_steps} steps, guidance ${asked.guidance_scale}, ${asked.sampler}`;
  const result = element(
    "article",
    { class: "result" },
    element("h2", {}, asked.text),
    element("p", { class: "settings" }, settings),
    ...job.remarks.map((remark) => element("p", { class: "remark" }, remark)),
    element("div", { class: "clips" }, ...reals, ...clips),
  );
  byId("empty").hidden = true;
  byId("results").prepend(result);
  while (byId("results").children.length > KEPT_RESULTS) byId("results").lastElementChild.remove();
};

const describe = (job) => {
  if (job.state === "waiting") return job.ahead > 1 ? `Waiting, ${job.ahead - 1} ahead` : "Next in line";
  return job.num_steps > 0 ? `Step ${job.step} of ${job.num_steps}` : "Starting";
};

const follow = async (job) => {
  current = job.id;
  byId("status").hidden = false;
  while (job.state === "waiting" || job.state === "running") {
    byId("status_text").textContent = describe(job);
    const bar = byId("progress");
    if (job.num_steps > 0) {
      bar.max = job.num_steps;
      bar.value = job.step;
    } else {
      bar.removeAttribute("value");
    }
    await pause(POLL_MS);
    job = await ask(`/api/jobs/${job.id}`);
  }
  return job;
};

const generate = async () => {
  const asked = {
    text: form.text.value.trim(),
    seed: Number(form.seed.value),
    num_samples: Number(form.num_samples.value),
    num_steps: Number(form.num_steps.value),
    guidance_scale: Number(form.guidance_scale.value),
    sampler: form.sampler.value,
  };
  byId("go").disabled = true;
  showProblem("");
  try {
    const found = await read();
    const job = await follow(
      await ask("/api/jobs", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(asked),
      }),
    );
    if (job.state === "done") await show(job, asked, found?.signs ?? []);
    else if (job.state === "failed") showProblem(job.message);
  } catch (error) {
    showProblem(error.message);
  } finally {
    current = null;
    byId("status").hidden = true;
    byId("go").disabled = false;
  }
};

const start = async () => {
  const model = await ask("/api/model");
  maxSeed = model.limits.seed;
  form.text.maxLength = model.limits.characters;
  form.seed.max = maxSeed;
  for (const [name, value] of Object.entries(model.defaults)) form[name].value = value;
  for (const name of SLIDERS) {
    form[name].max = model.limits[name];
    form[name].value = model.defaults[name];
    const showValue = () => (byId(`${name}_value`).textContent = form[name].value);
    form[name].addEventListener("input", showValue);
    showValue();
  }
  byId("signs").append(
    ...model.prompts.map((sign) => {
      const chip = element("button", { type: "button", "aria-pressed": "false" }, sign);
      chip.addEventListener("click", () => pick(sign));
      return chip;
    }),
  );
  byId("model").append(...facts(model.facts));
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  generate();
});
form.text.addEventListener("input", read);
byId("dice").addEventListener("click", () => (form.seed.value = Math.floor(Math.random() * Math.min(maxSeed, 1e6))));
byId("cancel").addEventListener("click", () => {
  if (current !== null) ask(`/api/jobs/${current}`, { method: "DELETE" }).catch(() => {});
});
start().catch((error) => showProblem(error.message));
