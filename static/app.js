/* The console's own script. Each feature has a path without script, named in its comment. No dependencies;
   htmx is loaded beside it and reached only through its events. */

(() => {
  "use strict";

  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const words = document.body.dataset;

  function make(tag, className = "", text = "") {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.textContent = text;
    return element;
  }

  /* Toasts. Without script: the message of the next page. The server sends one with `HX-Trigger: {"toast": …}`. */

  function toast(text, seconds = 2.6) {
    const element = make("div", "toast", text);
    one("#toasts").append(element);
    setTimeout(() => element.remove(), seconds * 1000);
  }

  document.addEventListener("toast", (event) => toast(event.detail.value ?? event.detail, 6));
  document.addEventListener("htmx:sendError", () => toast(words.offline, 6));
  document.addEventListener("htmx:timeout", () => toast(words.offline, 6));
  document.addEventListener("htmx:responseError", (event) => {
    if (!event.detail.xhr.getResponseHeader("HX-Trigger")) toast(words.failed, 6);
  });

  /* The session ended while the page was open. Without script: what was sent waits behind the sign-in. */

  document.addEventListener("session-over", (event) => location.assign(event.detail.login));

  /* Copy. Without script: the text is there to be selected. `data-copy` is the text, or `#id` of what holds it. */

  async function copy(button) {
    const source = button.dataset.copy;
    const text = source.startsWith("#") ? one(source)?.textContent ?? "" : source;
    try {
      await navigator.clipboard.writeText(text);
      toast(words.copied);
    } catch {
      toast(words.copyFailed, 6);
    }
  }

  /* Theme. Without script: the form is sent, the server sets the cookie and renders the page anew.
     The admin site keeps its own choice in localStorage; it follows this one. */

  function switchTheme(form, button) {
    const chosen = button.value;
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    for (const other of all("[name=theme]")) other.setAttribute("aria-pressed", other.value === chosen);
    try {
      localStorage.setItem("theme", chosen === "system" ? "auto" : chosen);
    } catch {
      /* storage may be switched off: the cookie is what counts */
    }
    fetch(form.action, { method: "POST", body: new FormData(form, button), redirect: "manual" });
  }

  /* Confirm: one native dialog for `hx-confirm` and for forms with `data-confirm`. Without script: the action's
     own page asks. On the element: data-confirm-title, data-confirm-yes, data-confirm-name (to be typed). */

  function ask(question, data, proceed) {
    const dialog = one("#confirm");
    if (!dialog) return proceed();
    const typed = one("#confirm-name");
    const yes = one("#confirm-yes");
    const name = data.confirmName ?? "";
    one("#confirm-title").textContent = data.confirmTitle ?? words.sure;
    one("#confirm-text").textContent = question;
    one("#confirm-field").hidden = !name;
    one("#confirm-expected").textContent = name;
    yes.textContent = data.confirmYes ?? words.goOn;
    typed.value = "";
    yes.disabled = Boolean(name);
    typed.oninput = () => {
      yes.disabled = typed.value !== name;
    };
    dialog.returnValue = "no";
    dialog.addEventListener("close", () => dialog.returnValue === "yes" && proceed(), { once: true });
    dialog.showModal();
    return undefined;
  }

  document.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    ask(event.detail.question, event.detail.elt.dataset, () => event.detail.issueRequest(true));
  });

  /* Secrets shown once hide again. Without script: the page is not stored and shows them until it is left. */

  function hideLater(root) {
    for (const element of all("[data-hide-after]", root)) {
      const seconds = Number(element.dataset.hideAfter);
      delete element.dataset.hideAfter;
      setTimeout(() => {
        for (const button of all("[data-copy]", element.parentElement)) button.remove();
        element.textContent = "•".repeat(12);
        element.removeAttribute("id");
        toast(words.hidden);
      }, seconds * 1000);
    }
  }

  /* Polling rests while nobody looks. Without script: "Refresh" is a link. */

  const lastPoll = new WeakMap();

  document.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.detail.elt;
    if (!element.getAttribute("hx-trigger")?.startsWith("every")) return;
    const now = Date.now();
    if (document.hidden && now - (lastPoll.get(element) ?? 0) < 15000) event.preventDefault();
    else lastPoll.set(element, now);
  });

  /* Command palette. Without script: its link leads to the page that the list is read from. */

  const palette = one("#palette");
  const query = one("#palette-query");
  const list = one("#palette-list");
  let items = null;
  let shown = [];
  let at = 0;

  function icon(name) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    const use = document.createElementNS(space, "use");
    const [sprite] = one(".icon use").getAttribute("href").split("#");
    for (const [key, value] of Object.entries({ class: "icon", width: 16, height: 16, "aria-hidden": "true" })) {
      svg.setAttribute(key, value);
    }
    use.setAttribute("href", `${sprite}#${name}`);
    svg.append(use);
    return svg;
  }

  async function readItems(url) {
    const answer = await fetch(url);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return all("[data-palette-items] a", page).map((link) => ({
      url: link.getAttribute("href"),
      label: link.textContent.trim(),
      group: link.dataset.group ?? "",
      icon: link.dataset.icon || "arrow-right",
      hint: link.dataset.hint ?? "",
    }));
  }

  async function openPalette(url) {
    palette.showModal();
    query.value = "";
    query.focus();
    try {
      items ??= await readItems(url);
    } catch {
      palette.close();
      toast(words.offline, 6);
      return;
    }
    drawPalette();
  }

  function score(item, wanted) {
    const text = `${item.label} ${item.hint}`.toLowerCase();
    if (!wanted) return 1;
    if (text.startsWith(wanted)) return 4;
    if (text.includes(` ${wanted}`)) return 3;
    if (text.includes(wanted)) return 2;
    let found = 0;
    for (const letter of text) if (letter === wanted[found]) found += 1;
    return found === wanted.length ? 1 : 0;
  }

  function option(item, index) {
    const entry = make("li");
    entry.id = `palette-${index}`;
    entry.setAttribute("role", "option");
    entry.append(icon(item.icon), make("span", "", item.label), make("small", "", item.hint));
    entry.addEventListener("click", () => location.assign(item.url));
    return entry;
  }

  function drawPalette() {
    const wanted = query.value.trim().toLowerCase();
    shown = items
      .map((item) => [score(item, wanted), item])
      .filter(([points]) => points)
      .sort(([a], [b]) => b - a)
      .slice(0, wanted ? 40 : 18)
      .map(([, item]) => item);
    list.replaceChildren();
    let group = "";
    shown.forEach((item, index) => {
      if (!wanted && item.group !== group) {
        group = item.group;
        list.append(note(group));
      }
      list.append(option(item, index));
    });
    if (!shown.length) list.append(note(words.nothing));
    pick(0);
  }

  function note(text) {
    const entry = make("li", "group", text);
    entry.setAttribute("role", "presentation");
    return entry;
  }

  function pick(index) {
    at = (index + shown.length) % (shown.length || 1);
    all("[role=option]", list).forEach((entry, position) => {
      const chosen = position === at;
      entry.setAttribute("aria-selected", chosen);
      if (!chosen) return;
      entry.scrollIntoView({ block: "nearest" });
      query.setAttribute("aria-activedescendant", entry.id);
    });
  }

  query?.addEventListener("input", () => items && drawPalette());
  query?.addEventListener("keydown", (event) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) pick(at + move);
    else if (event.key === "Enter") shown[at] && location.assign(shown[at].url);
    else return;
    event.preventDefault();
  });

  /* Charts: the table under a plot is its data. Without script: open the table. */

  function bindChart(figure) {
    const plot = one(".plot", figure);
    const cross = one(".cross", plot);
    const tip = one(".tip", plot);
    const live = one("[aria-live]", plot);
    const unit = figure.dataset.unit;
    const names = all("thead th", figure).slice(1).map((cell) => cell.dataset.name);
    const rows = all("tbody tr", figure).map((row) => [...row.children].map((cell) => cell.textContent));
    const axis = Number(figure.dataset.axis);
    let current = -1;

    function show(index, aloud) {
      current = Math.max(0, Math.min(rows.length - 1, index));
      const [when, ...values] = rows[current];
      const x = axis + ((plot.clientWidth - axis) * current) / (rows.length - 1);
      cross.hidden = tip.hidden = false;
      cross.style.translate = `${x}px 0`;
      tip.replaceChildren(make("b", "", when));
      names.forEach((name, series) => {
        const line = make("div");
        line.append(make("span", `key s${series + 1}`), ` ${name} `, make("b", "", `${values[series]} ${unit}`));
        tip.append(line);
      });
      const beyond = x + tip.offsetWidth + 16 > plot.clientWidth;
      tip.style.translate = `${beyond ? x - tip.offsetWidth - 10 : x + 10}px 4px`;
      if (aloud) live.textContent = `${when}: ${names.map((n, i) => `${n} ${values[i]} ${unit}`).join(", ")}`;
    }

    function hide() {
      cross.hidden = tip.hidden = true;
    }

    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      show(Math.round(((event.clientX - box.left - axis) / (box.width - axis)) * (rows.length - 1)), false);
    });
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);
    plot.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!move) return;
      event.preventDefault();
      show((current < 0 ? rows.length - 1 : current) + move, true);
    });
  }

  function scan() {
    for (const figure of all(".chart[data-axis]:not([data-bound])")) {
      figure.dataset.bound = "1";
      bindChart(figure);
    }
    for (const every of all("[data-check-all]")) {
      every.hidden = false;
      countTicked(every.closest("form"));
    }
    hideLater(document);
  }

  /* One listener a kind of event for the whole page, so that swapped-in fragments need no binding. */

  document.addEventListener("click", (event) => {
    const copier = event.target.closest("[data-copy]");
    if (copier) copy(copier);
    const opener = event.target.closest("[data-palette]");
    if (opener && palette && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      openPalette(opener.href);
    }
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.submitter?.name === "theme") {
      event.preventDefault();
      switchTheme(form, event.submitter);
      return;
    }
    const { submitter } = event;
    const asks = submitter?.dataset.confirm ? submitter.dataset : form.dataset;
    if (asks.confirm && !form.dataset.confirmed) {
      event.preventDefault();
      ask(asks.confirm, asks, () => {
        form.dataset.confirmed = "1";
        form.requestSubmit(submitter);
      });
    }
  });

  /* Ticking rows. Without script: each by itself; the server says how many it handled. */

  function countTicked(form) {
    const boxes = all("tbody input[type=checkbox]", form);
    const ticked = boxes.filter((box) => box.checked).length;
    const every = one("[data-check-all]", form);
    every.checked = ticked === boxes.length;
    every.indeterminate = ticked > 0 && !every.checked;
    const words = one("[data-ticked]", form);
    words.textContent = words.dataset.ticked + ticked;
  }

  document.addEventListener("change", (event) => {
    const form = event.target.closest(".bulk");
    if (!form || event.target.type !== "checkbox") return;
    if (event.target.matches("[data-check-all]")) {
      for (const box of all("tbody input[type=checkbox]", form)) box.checked = event.target.checked;
    }
    countTicked(form);
  });

  document.addEventListener("keydown", (event) => {
    const opener = one("[data-palette]");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && opener && palette) {
      event.preventDefault();
      if (palette.open) palette.close();
      else openPalette(opener.href);
    }
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
    const search = one("[data-slash]");
    if (event.key === "/" && !typing && search) {
      event.preventDefault();
      search.focus();
    }
  });

  document.addEventListener("htmx:load", scan);
  scan();
})();
