/* Passkeys. A form with data-passkey="create" or "get" asks the browser for a credential before it is sent, and
   puts it into its field `credential`. The server's options stand in data-options, or behind data-options-from. */

async function optionsOf(form) {
  if (form.dataset.options) return JSON.parse(form.dataset.options).publicKey;
  const answer = await fetch(form.dataset.optionsFrom, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`options: ${answer.status}`);
  return (await answer.json()).request_options.publicKey;
}

async function credentialFor(form) {
  const options = await optionsOf(form);
  if (form.dataset.passkey === "get") {
    return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  }
  const alone = form.elements.passwordless?.checked ?? false;
  const selection = { ...options.authenticatorSelection };
  selection.residentKey = alone ? "required" : "discouraged";
  selection.requireResidentKey = alone;
  if (alone) selection.userVerification = "required";
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON({ ...options, authenticatorSelection: selection });
  return navigator.credentials.create({ publicKey });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.passkey) return;
  event.preventDefault();
  const said = form.querySelector("[role=alert]");
  said.textContent = "";
  try {
    const credential = await credentialFor(form);
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch (error) {
    const known = error.name === "NotAllowedError" || error.name === "InvalidStateError";
    said.textContent = known ? said.dataset.refused : said.dataset.failed;
  }
});
