/* Passkeys: forms with `data-passkey` (add, confirm, sign-in) are answered by the browser's own dialog, then sent.
   Loaded by the few pages that have one. Without script: such a form stays hidden, or a notice says why. */

(() => {
  "use strict";

  function bytes(text) {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
  }

  function text(buffer) {
    const plain = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  }

  const named = (keys) => (keys ?? []).map((key) => ({ ...key, id: bytes(key.id) }));

  /* What the browser gives holds bytes; the server reads JSON. */
  function plain(credential) {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = text(credential.response[name]);
    }
    return {
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment,
      clientExtensionResults: credential.getClientExtensionResults(),
      response,
    };
  }

  /* A key for sign-in without password lives in the device and checks who holds it. */
  function create(options, alone) {
    const wanted = options.publicKey;
    const authenticatorSelection = {
      ...wanted.authenticatorSelection,
      residentKey: alone ? "required" : "discouraged",
      requireResidentKey: alone,
      userVerification: alone ? "required" : wanted.authenticatorSelection.userVerification,
    };
    const user = { ...wanted.user, id: bytes(wanted.user.id) };
    const excludeCredentials = named(wanted.excludeCredentials);
    const challenge = bytes(wanted.challenge);
    return navigator.credentials.create({
      publicKey: { ...wanted, authenticatorSelection, user, excludeCredentials, challenge },
    });
  }

  function get(options) {
    const wanted = options.publicKey;
    const allowCredentials = named(wanted.allowCredentials);
    return navigator.credentials.get({ publicKey: { ...wanted, allowCredentials, challenge: bytes(wanted.challenge) } });
  }

  async function fetched(form) {
    const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
    return (await answer.json()).request_options;
  }

  async function ask(form) {
    const given = form.dataset.options;
    const options = given ? JSON.parse(given) : await fetched(form);
    if (form.dataset.passkey === "add") return create(options, form.elements.passwordless.checked);
    return get(options);
  }

  function complain(form, error) {
    const message = form.querySelector("[role=alert][hidden], .msg[role=alert]");
    message.textContent = error.name === "SecurityError" ? form.dataset.unfit : form.dataset.refused;
    message.hidden = false;
  }

  document.addEventListener(
    "submit",
    async (event) => {
      const form = event.target;
      if (!form.dataset.passkey || form.elements.credential.value) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      try {
        form.elements.credential.value = JSON.stringify(plain(await ask(form)));
      } catch (error) {
        complain(form, error);
        return;
      }
      form.requestSubmit();
    },
    true,
  );

  function show() {
    for (const form of document.querySelectorAll("form[data-passkey][hidden]")) {
      form.hidden = !window.PublicKeyCredential;
    }
  }

  document.addEventListener("passkeys", show);
  show();
})();
