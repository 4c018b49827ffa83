// The form of the page: an example of the package's own, sent to this server alone.
"use strict";
const find = id => document.getElementById(id);
const inputs = [...document.querySelectorAll("[data-field]")];
let item = {};

for (const place of document.querySelectorAll(".origin")) place.textContent = location.origin;

function element(kind, text, parent) {
  const made = document.createElement(kind);
  made.textContent = text;
  parent.append(made);
  return made;
}

// Rows of numbers as a grey picture, from the least to the largest.
function draw(rows, name, parent) {
  const canvas = element("canvas", "", parent);
  canvas.height = rows.length;
  canvas.width = rows[0].length;
  canvas.title = name;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", name);
  const values = rows.flat(), low = Math.min(...values), span = Math.max(...values) - low || 1;
  const picture = new ImageData(canvas.width, canvas.height);
  values.forEach((value, i) => picture.data.set([0, 1, 2].map(() => 255 * (value - low) / span).concat(255), 4 * i));
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

// The picture in an array, of a colour image its first band; nothing where there is none.
function pictureOf(value) {
  while (Array.isArray(value) && Array.isArray(value[0]) && Array.isArray(value[0][0])) value = value[0];
  return Array.isArray(value) && Array.isArray(value[0]) && value.length > 8 ? value : null;
}

async function load() {
  item = (await (await fetch(find("example").value)).json()).images[0];
  for (const input of inputs) input.value = item[input.dataset.field] ?? "";
  find("pictures").replaceChildren();
  find("answer").replaceChildren();
  for (const [name, value] of Object.entries(item)) if (pictureOf(value)) draw(pictureOf(value), name, find("pictures"));
}

async function ask(event) {
  event.preventDefault();
  const asked = {...item};
  for (const input of inputs) {
    if (input.value.trim() === "") delete asked[input.dataset.field];
    else asked[input.dataset.field] = Number(input.value);
  }
  const headers = {"Content-Type": "application/json"};
  try {
    const answer = await fetch("predict", {method: "POST", headers, body: JSON.stringify({images: [asked]})});
    show(await answer.json());
  } catch (error) {
    show({error: `no answer: ${error.message}`});
  }
}

function show(document) {
  const place = find("answer");
  place.replaceChildren();
  if (document.error !== undefined) {
    element("p", document.error, place).className = "warning";
    return;
  }
  const {answer, doubts, id, in_tested_range: trusted, not_tested: granted, estimated} = document.predictions[0];
  const verdict = trusted ? "In the tested range: nothing departs." : `Not to be trusted: ${doubts.join("; ")}.`;
  element("p", verdict, place).className = trusted ? "" : "warning";
  for (const [name, value] of Object.entries(estimated ?? {}))
    element("p", `Estimated from the image: ${name} ${say(value)} ${document.units[name] ?? ""}`.trim() + ".", place);
  if (granted.length) element("p", `Taken for granted: ${granted.join(", ")}.`, place);
  const table = element("table", "", place), head = element("tr", "", table);
  for (const title of ["", "value", "error", "68 % interval", "unit"]) element("th", title, head);
  for (const [name, value] of Object.entries(answer)) {
    if (pictureOf(value)) draw(pictureOf(value), name, place);
    if (Array.isArray(value) || name.endsWith("_error") && name.slice(0, -6) in answer) continue;
    const row = element("tr", "", table), interval = answer[`${name}_interval68`];
    if (answer.quote !== undefined && name.startsWith(`${answer.quote}_`)) row.className = "quoted";
    const shown = [value, answer[`${name}_error`] ?? "", ...(interval ?? [])].map(say);
    element("td", name, row);
    for (const text of [shown[0], shown[1], shown.slice(2).join(" to "), document.units[name] ?? ""]) element("td", text, row);
  }
  element("p", `id ${id}`, place);
}

const say = value => typeof value === "number" ? String(Number(value.toPrecision(4))) : String(value);

find("example").addEventListener("change", load);
find("form").addEventListener("submit", ask);
load();
