"use strict";
(() => {
  // Rows shown at first, and with each further click: what a browser lays out without delay.
  const STEP = 100;
  const byId = (id) => document.getElementById(id);
  const tools = byId("tools"), query = byId("q"), severity = byId("s"), namespace = byId("n"), kind = byId("k");
  const order = new Intl.Collator("en", { numeric: true });
  const number = new Intl.NumberFormat("en");

  const lists = Array.from(document.querySelectorAll("[data-list]"), (element) => {
    const body = element.querySelector("tbody");
    const more = document.createElement("p");
    const button = document.createElement("button");
    button.type = "button";
    more.className = "page";
    more.append(button);
    element.querySelector("table").after(more);
    const rows = Array.from(body.rows, (row) => ({ row, data: row.dataset, text: null }));
    const list = { body, rows, more, button, most: STEP, found: rows };
    button.addEventListener("click", () => { list.most += 5 * STEP; draw(list); });
    return list;
  });

  const text = (entry) => (entry.text ??= entry.row.textContent.replace(/\s+/g, " ").toLowerCase());

  function draw(list) {
    const shown = new Set(list.found.slice(0, list.most));
    for (const entry of list.rows) entry.row.hidden = !shown.has(entry);
    const left = list.found.length - shown.size;
    list.more.hidden = left === 0;
    list.button.textContent = `Show ${number.format(Math.min(left, 5 * STEP))} more of ${number.format(left)}`;
  }

  function filter() {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const least = Number(severity.value || -1);
    const chosen = (select, value) => select.value === "" || select.value === "=" + value;
    const active = words.length > 0 || severity.value !== "" || namespace.value !== "" || kind.value !== "";
    let found = 0, all = 0;
    for (const list of lists) {
      list.most = STEP;
      list.found = list.rows.filter((entry) =>
        // A way has no severity of its own: it ends with the whole cluster.
        Number(entry.data.s ?? 4) >= least && chosen(namespace, entry.data.n) && chosen(kind, entry.data.k) &&
        words.every((word) => text(entry).includes(word)));
      found += list.found.length;
      all += list.rows.length;
      draw(list);
    }
    for (const fold of document.querySelectorAll("details.fold")) {
      const inside = lists.filter((list) => fold.contains(list.body));
      if (inside.length === 0) continue;
      const summary = fold.firstElementChild;
      summary.dataset.title ??= summary.textContent;
      const matches = inside.reduce((sum, list) => sum + list.found.length, 0);
      summary.textContent = summary.dataset.title + (active ? `: ${number.format(matches)} found` : "");
    }
    byId("shown").textContent = active ? `${number.format(found)} of ${number.format(all)} rows, folded ones included` : "";
  }

  function sortable(list) {
    const heads = Array.from(list.body.parentElement.tHead.rows[0].cells);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        // Severities begin with the worst, all else with the least.
        const first = column === 0 && list.rows[0].data.s !== undefined ? "descending" : "ascending";
        const now = head.getAttribute("aria-sort");
        const way = now === null ? first : now === "ascending" ? "descending" : "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", way);
        const sign = way === "ascending" ? 1 : -1;
        const key = ({ row }) => {
          const cell = row.cells[column];
          return cell.dataset.v ?? (cell.querySelector("summary") && !cell.querySelector("ol.chain") ? cell.querySelector("summary") : cell).textContent;
        };
        const keys = new Map(list.rows.map((entry) => [entry, key(entry)]));
        const compare = (a, b) => sign * order.compare(keys.get(a), keys.get(b));
        list.rows.sort(compare);
        const found = new Set(list.found);
        list.found = list.rows.filter((entry) => found.has(entry));
        list.body.append(...list.rows.map((entry) => entry.row));
        draw(list);
      });
    });
  }

  lists.forEach(sortable);
  lists.forEach(draw);
  let timer;
  query.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(filter, 120); });
  for (const select of [severity, namespace, kind]) select.addEventListener("change", filter);
  byId("clear").addEventListener("click", () => {
    query.value = "";
    for (const select of [severity, namespace, kind]) select.value = "";
    filter();
  });
  tools.hidden = false;
  // A browser may keep what was typed over a reload.
  filter();
  document.documentElement.classList.remove("loading");
})();
