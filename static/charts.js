/* Charts: the table under a plot is its data. Without script: open the table. Loaded by app.js where there is one. */

export function bind(figure, { one, all, make }) {
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
