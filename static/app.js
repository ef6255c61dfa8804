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

  let session = null;

  document.addEventListener("session-over", async (event) => {
    if (!words.reader) return location.assign(event.detail.login);
    try {
      session ??= await import(words.sessionScript);
      return await session.signIn(event.detail.login, tools);
    } catch {
      return location.assign(event.detail.login);
    }
  });

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

  /* Copy a secret without showing it; the server writes the look in the audit log. Without script: "Reveal". */

  async function copySecret(form) {
    const button = one("button", form);
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        body: new FormData(form),
        headers: { "HX-Request": "true", "HX-Current-URL": location.href },
      });
      const elsewhere = answer.headers.get("HX-Redirect");
      if (elsewhere) return location.assign(elsewhere);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.ok) await copy(one("[data-copy]", page));
      else toast(page.body.textContent.trim() || words.failed, 6);
    } catch {
      toast(words.offline, 6);
    }
    return button.removeAttribute("aria-busy");
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
    if (session?.isOpen()) return event.preventDefault();
    if (one("#connection[hx-trigger]", element)) return event.preventDefault(); // a secret is being shown
    if (document.hidden && now - (lastPoll.get(element) ?? 0) < 15000) event.preventDefault();
    else lastPoll.set(element, now);
  });

  /* What few pages need is fetched when it is: charts, the palette. Without script: tables, and a plain page. */

  const say = (text) => {
    one("#said").textContent = text;
  };
  const tools = { one, all, make, toast, words, say };

  const openPalette = (url) => import(words.paletteScript).then((palette) => palette.open(url, tools));
  const openHelp = () => import(words.paletteScript).then((palette) => palette.help(words.keyboardUrl, tools));

  function scan() {
    for (const figure of all(".chart[data-axis]:not([data-bound])")) {
      figure.dataset.bound = "1";
      import(words.charts).then((charts) => charts.bind(figure, tools));
    }
    for (const form of all("[data-copy-secret]")) form.hidden = false;
    for (const every of all("[data-check-all]")) {
      every.hidden = false;
      countTicked(every.closest("form"));
    }
    hideLater(document);
    for (const log of all("[data-follow]")) log.scrollTop = log.scrollHeight;
  }

  /* One listener a kind of event for the whole page, so that swapped-in fragments need no binding. */

  document.addEventListener("click", (event) => {
    const copier = event.target.closest("[data-copy]");
    if (copier) copy(copier);
    const opener = event.target.closest("[data-palette]");
    if (opener && !event.ctrlKey && !event.metaKey) {
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
    if (form.dataset.copySecret !== undefined) {
      event.preventDefault();
      copySecret(form);
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

  /* Keys. Those of a single character can be switched off (/keyboard/), and never act while somebody types. */

  let going = 0;

  function onCharacter(event) {
    const search = one("[data-slash]");
    const link = Date.now() - going < 1500 && one(`[data-go="${CSS.escape(event.key)}"]`);
    going = event.key === "g" ? Date.now() : 0;
    if (link) link.click();
    else if (event.key === "/" && search) search.focus();
    else if (event.key === "?") openHelp();
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", (event) => {
    const opener = one("[data-palette]");
    const palette = one("#palette");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && opener && palette) {
      event.preventDefault();
      if (palette.open) palette.close();
      else openPalette(opener.href);
      return;
    }
    const dialog = event.target.closest("dialog"); // one that has just closed may still hold the focus
    const typing = dialog ? dialog.open : event.target.closest("input, textarea, select, [contenteditable]");
    const held = event.ctrlKey || event.metaKey || event.altKey;
    if (!typing && !held && words.keys !== "off") onCharacter(event);
  });

  /* A swap must not lose the place: focus goes to what stands where it was, folds stay open, results are said. */

  let kept = null;

  document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
    const { activeElement } = document;
    kept = { target: target.id, open: all("details[open] > summary", target).map((summary) => summary.textContent) };
    if (!target.contains(activeElement) || activeElement === document.body) return;
    const { id, name, value } = activeElement;
    const href = activeElement.getAttribute("href");
    kept.focus = (id && `#${CSS.escape(id)}`) || (href && `a[href="${CSS.escape(href)}"]`) || (name && `[name="${name}"][value="${CSS.escape(value)}"]`);
    kept.lost = true;
  });

  document.addEventListener("htmx:afterSettle", ({ detail: { elt } }) => {
    if (!kept || elt.id !== kept.target) return; // something that came along out of band
    for (const summary of all("details > summary", elt)) {
      if (kept.open.includes(summary.textContent)) summary.parentElement.open = true;
    }
    if (kept.lost && document.activeElement === document.body) {
      const next = one("[autofocus]", elt) || (kept.focus && one(kept.focus)) || one("#main");
      next.focus({ preventScroll: true });
    }
    kept = null;
    const result = one("[data-say]", elt);
    if (result) say(result.textContent);
  });

  document.addEventListener("htmx:load", scan);
  scan();
})();
