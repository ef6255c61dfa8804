/* Command palette and keyboard help. Loaded by app.js at the first use. Without script: /go/ and /keyboard/. */

let items = null;
let shown = [];
let at = 0;
let tools = null;

const dialog = () => tools.one("#palette");
const query = () => tools.one("#palette-query");
const list = () => tools.one("#palette-list");

async function fragment(url) {
  const answer = await fetch(url, { headers: { "HX-Request": "true", "HX-Current-URL": location.href } });
  const elsewhere = answer.headers.get("HX-Redirect");
  if (elsewhere) location.assign(elsewhere);
  if (!answer.ok) throw new Error(answer.status);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

async function readItems(url) {
  const page = await fragment(url);
  return tools.all("[data-palette-items] li", page).map((entry) => {
    const target = tools.one("a, button", entry);
    const { group, icon, hint } = entry.dataset;
    return { target, group, icon, hint, label: target.textContent.trim() };
  });
}

/* A link is followed, a form is sent from here. */
function run({ target }) {
  if (target.href) return location.assign(target.getAttribute("href"));
  const form = document.importNode(target.form, true);
  form.hidden = true;
  document.body.append(form);
  return form.requestSubmit(tools.one("button", form));
}

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  const [sprite] = tools.one(".icon use").getAttribute("href").split("#");
  for (const [key, value] of Object.entries({ class: "icon", width: 16, height: 16, "aria-hidden": "true" })) {
    svg.setAttribute(key, value);
  }
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

/* The beginning counts more than the beginning of a word, that more than any part, that more than letters in order. */
function score(item, wanted) {
  const text = `${item.label} ${item.hint}`.toLowerCase();
  if (!wanted) return 1;
  if (text.startsWith(wanted)) return 5;
  if (text.includes(` ${wanted}`)) return 4;
  if (text.includes(wanted)) return 3;
  if (wanted.split(/\s+/).every((word) => text.includes(word))) return 2;
  let found = 0;
  for (const letter of item.label.toLowerCase()) if (letter === wanted[found]) found += 1;
  return found === wanted.length ? 1 : 0;
}

function note(text) {
  const entry = tools.make("li", "group", text);
  entry.setAttribute("role", "presentation");
  return entry;
}

function option(item, index) {
  const entry = tools.make("li");
  entry.id = `palette-${index}`;
  entry.setAttribute("role", "option");
  entry.append(icon(item.icon), tools.make("span", "", item.label), tools.make("small", "", item.hint));
  entry.addEventListener("click", () => run(item));
  return entry;
}

/* Without a word: what begins each group; with one: the best first. */
function matching(wanted) {
  if (!wanted) {
    const seen = {};
    return items.filter(({ group }) => (seen[group] = (seen[group] ?? 0) + 1) <= 6);
  }
  return items
    .map((item) => [score(item, wanted), item])
    .filter(([points]) => points)
    .sort(([a], [b]) => b - a)
    .slice(0, 40)
    .map(([, item]) => item);
}

function draw() {
  const wanted = query().value.trim().toLowerCase();
  shown = matching(wanted);
  list().replaceChildren();
  let group = "";
  shown.forEach((item, index) => {
    if (!wanted && item.group !== group) {
      group = item.group;
      list().append(note(group));
    }
    list().append(option(item, index));
  });
  if (!shown.length) list().append(note(tools.words.nothing));
  tools.say(shown.length ? tools.words.found.replace("0", shown.length) : tools.words.nothing);
  pick(0);
}

function pick(index) {
  at = (index + shown.length) % (shown.length || 1);
  query().removeAttribute("aria-activedescendant");
  tools.all("[role=option]", list()).forEach((entry, position) => {
    const chosen = position === at;
    entry.setAttribute("aria-selected", chosen);
    if (!chosen) return;
    entry.scrollIntoView({ block: "nearest" });
    query().setAttribute("aria-activedescendant", entry.id);
  });
}

function onKey(event) {
  const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: Math.min(at + 8, shown.length - 1), PageUp: Math.max(at - 8, 0) };
  if (event.key in moves) pick(moves[event.key]);
  else if (event.key === "Enter") shown[at] && run(shown[at]);
  else return;
  event.preventDefault();
}

export async function open(url, given) {
  if (!tools) {
    tools = given;
    query().addEventListener("input", () => items && draw());
    query().addEventListener("keydown", onKey);
  }
  dialog().showModal();
  query().value = "";
  query().focus();
  try {
    items ??= await readItems(url);
  } catch {
    dialog().close();
    tools.toast(tools.words.offline, 6);
    return;
  }
  draw();
}

export async function help(url, { make, toast, words }) {
  try {
    const page = await fragment(url);
    const box = make("dialog", "help");
    const close = make("form");
    close.method = "dialog";
    close.append(make("h2", "", words.keyboard), make("button", "btn sm", words.close));
    box.setAttribute("aria-label", words.keyboard);
    box.append(close, ...page.body.children);
    box.addEventListener("close", () => box.remove());
    document.body.append(box);
    box.showModal();
  } catch {
    toast(words.offline, 6);
  }
}
