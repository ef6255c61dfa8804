/* The session ended while a page was open: sign-in in a dialog, so that what was typed stays. Loaded by app.js when
   the server says so. It shows the server's own sign-in pages, second factor included, and sends their forms. */

let dialog = null;
let tools = null;

const parsed = (html) => new DOMParser().parseFromString(html, "text/html");

/* The sign-in leads to an address that says who is there and which token forms need from now on. */
function withNext(address, next) {
  const url = new URL(address, location.href);
  url.searchParams.set("next", next);
  return url.href;
}

export const isOpen = () => Boolean(dialog?.open);

export async function signIn(address, given) {
  if (isOpen()) return;
  tools = given;
  const { make, words } = tools;
  dialog ??= document.body.appendChild(make("dialog"));
  dialog.id = "sign-in";
  dialog.setAttribute("aria-label", words.sessionOver);
  const answer = await fetch(withNext(address, words.sessionUrl));
  if (answer.url.endsWith(words.sessionUrl)) return done(await answer.json()); // signed in elsewhere meanwhile
  show(await answer.text());
  dialog.showModal();
  dialog.querySelector("input:not([type=hidden])")?.focus();
}

function show(html) {
  const { make, words } = tools;
  const card = parsed(html).querySelector("main .card");
  for (const link of card.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener";
  }
  const heading = card.querySelector("h1");
  const title = make("h2", "", heading.textContent);
  heading.replaceWith(title);
  title.after(make("p", "sub", words.sessionOver));
  dialog.replaceChildren(...card.childNodes);
  if (card.ownerDocument && dialog.querySelector("[data-passkey]")) {
    import(words.passkeys).then(() => document.dispatchEvent(new Event("passkeys")));
  }
  (dialog.querySelector("[aria-invalid=true], [role=alert]:not([hidden])") ?? title).scrollIntoView({ block: "nearest" });
}

async function send(form) {
  const { toast, words } = tools;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
    if (answer.url.endsWith(words.sessionUrl)) done(await answer.json());
    else show(await answer.text());
  } catch {
    toast(words.offline, 6);
  }
}

function done({ user, csrf }) {
  const { toast, words, all } = tools;
  if (!user) return;
  if (user !== words.reader) {
    location.reload(); // somebody else: this page is not theirs
    return;
  }
  for (const input of all("input[name=csrfmiddlewaretoken]")) input.value = csrf;
  if (dialog.open) dialog.close();
  dialog.replaceChildren();
  toast(words.signedInAgain, 6);
}

async function look() {
  if (!isOpen()) return;
  const answer = await fetch(tools.words.sessionUrl);
  done(await answer.json());
}

document.addEventListener("submit", (event) => {
  if (!dialog?.contains(event.target) || event.defaultPrevented) return;
  event.preventDefault();
  send(event.target);
});

/* A sign-in by an account elsewhere happens in another tab. */
window.addEventListener("focus", look);
