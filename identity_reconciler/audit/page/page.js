"use strict";
(() => {
  const ROW_HEIGHT = 28;
  const SPARE_ROWS = 10;
  const MOST_DRAWN = 60;
  const PER_HEADING = 40;
  const [NARROWEST, WIDEST] = [14, 40];
  const ALARMS = new Set(["disabled", "deleted", "expired"]);
  const FACETS = { instance: "Instance", person: "Person", group: "Group", application: "Application" };

  const data = JSON.parse(document.getElementById("data").textContent);
  const columns = data.columns;
  const total = data.cells.length ? data.cells[0].length : 0;
  const plain = (text) => text.normalize("NFKC").toLowerCase();
  const folded = data.values.map((values) => values.map(plain));
  const element = (id) => document.getElementById(id);
  const viewport = element("rows");
  const body = viewport.querySelector("tbody");

  let shown = new Uint32Array(0);
  let sorted = { column: -1, ascending: true };
  const fields = {};
  const ranks = [];

  // Which rows: every word is somewhere in the row, and each field is in its column.

  function matches(column, wanted, exact) {
    return Uint8Array.from(folded[column], (value) => (exact ? value === wanted : value.includes(wanted)));
  }

  function conditions() {
    const found = [];
    for (const word of plain(element("search").value).split(/\s+/).filter(Boolean)) {
      found.push(columns.map((_, column) => [column, matches(column, word, false)]));
    }
    for (const [column, input] of Object.entries(fields)) {
      const wanted = plain(input.value.trim());
      if (wanted) {
        found.push([[column, matches(column, wanted, folded[column].includes(wanted))]]);
      }
    }
    return found.map((choices) =>
      choices.filter(([, hits]) => hits.includes(1)).map(([column, hits]) => [data.cells[column], hits]));
  }

  function choose() {
    let rows = Uint32Array.from({ length: total }, (_, row) => row);
    for (const choices of conditions()) {
      rows = rows.filter((row) => choices.some(([cells, hits]) => hits[cells[row]]));
    }
    if (sorted.column >= 0) {
      const rank = ranked(sorted.column);
      const cells = data.cells[sorted.column];
      const sign = sorted.ascending ? 1 : -1;
      rows.sort((one, two) => sign * (rank[cells[one]] - rank[cells[two]]) || one - two);
    }
    shown = rows;
    viewport.scrollTop = 0;
    element("count").textContent =
      `${shown.length.toLocaleString("en")} of ${total.toLocaleString("en")} rows`;
    element("nothing").hidden = Boolean(shown.length) || !total;
    remember();
    viewport.querySelector("table").setAttribute("aria-rowcount", shown.length + 1);
    draw();
    picture();
  }

  function ranked(column) {
    if (!ranks[column]) {
      const order = new Intl.Collator("en", { numeric: true }).compare;
      const values = data.values[column];
      const rank = new Uint32Array(values.length);
      [...values.keys()].sort((one, two) => order(values[one], values[two]))
        .forEach((value, place) => { rank[value] = place; });
      ranks[column] = rank;
    }
    return ranks[column];
  }

  // What is asked for stands in the address, so that a link or a bookmark asks for the same.

  function remember() {
    const asked = new URLSearchParams();
    if (element("search").value.trim()) { asked.set("search", element("search").value.trim()); }
    for (const [number, input] of Object.entries(fields)) {
      if (input.value.trim()) { asked.set(columns[number].facet, input.value.trim()); }
    }
    if (sorted.column >= 0) {
      asked.set("sort", `${sorted.ascending ? "" : "-"}${columns[sorted.column].name}`);
    }
    if (`${asked}` !== location.hash.slice(1) && (location.hash.includes("=") || `${asked}`)) {
      history.replaceState(null, "", `#${asked}`);
    }
  }

  function recall() {
    if (location.hash.length > 1 && !location.hash.includes("=")) { return; }
    const asked = new URLSearchParams(location.hash.slice(1));
    element("search").value = asked.get("search") ?? "";
    for (const [number, input] of Object.entries(fields)) {
      input.value = asked.get(columns[number].facet) ?? "";
    }
    const by = asked.get("sort") ?? "";
    const number = columns.findIndex((one) => one.name === by.replace(/^-/, ""));
    sorted = { column: number, ascending: !by.startsWith("-") };
    headings();
  }

  function headings() {
    [...viewport.querySelectorAll("thead th")].forEach((cell, number) => cell.setAttribute("aria-sort",
      number !== sorted.column ? "none" : sorted.ascending ? "ascending" : "descending"));
  }

  // Paper has no room for what is the same in all rows, which is said once, nor for details. Its
  // rows are no table: a browser takes minutes to lay out one of thousands of rows on pages.

  function print() {
    const same = columns.map((_, column) => shown.length > 1
      && shown.every((row) => data.cells[column][row] === data.cells[column][shown[0]]));
    const value = (column, row) => data.values[column][data.cells[column][row]];
    const said = columns.map((one, column) => [one.name.replaceAll("_", " "), column])
      .filter(([, column]) => same[column] && !columns[column].detail && value(column, shown[0]))
      .map(([name, column]) => `${name} ${value(column, shown[0])}`);
    const chosen = [...columns.keys()].filter((column) => !columns[column].detail && !same[column]);
    const paper = element("paper");
    const widths = chosen.map(breadth);
    const rows = [printed("p", said.length ? [`In all rows: ${said.join("; ")}`] : [], [])];
    for (let place = 0; place < shown.length; place += 1) {
      if (place % PER_HEADING === 0) {
        rows.push(printed("strong", chosen.map((column) => columns[column].name.replaceAll("_", " ")), widths));
      }
      rows.push(printed("div", chosen.map((column) => value(column, shown[place])), widths));
    }
    paper.replaceChildren(...rows);
  }

  function breadth(column) {
    const longest = data.values[column].reduce((most, value) => Math.max(most, value.length), 0);
    return Math.min(WIDEST, Math.max(NARROWEST, longest + 3));
  }

  function printed(name, texts, widths) {
    const row = document.createElement(name);
    row.append(...texts.map((text, number) => {
      const cell = document.createElement("span");
      cell.textContent = text;
      cell.style.flexGrow = widths[number] ?? 1;
      return cell;
    }));
    return row;
  }

  // Only the rows in sight are elements; two spacers stand for the others.

  function space(rows) {
    const row = document.createElement("tr");
    row.className = "space";
    row.setAttribute("aria-hidden", "true");
    const cell = row.insertCell();
    cell.colSpan = columns.length;
    cell.style.height = `${rows * ROW_HEIGHT}px`;
    return row;
  }

  function line(place) {
    const row = document.createElement("tr");
    row.setAttribute("aria-rowindex", place + 2);
    columns.forEach((_, column) => {
      const value = data.values[column][data.cells[column][shown[place]]];
      const cell = row.insertCell();
      cell.textContent = value;
      cell.title = value;
      if (ALARMS.has(value)) { cell.className = "alarm"; }
    });
    return row;
  }

  function draw() {
    const first = Math.max(0, Math.floor(viewport.scrollTop / ROW_HEIGHT) - SPARE_ROWS);
    const room = Math.ceil(viewport.clientHeight / ROW_HEIGHT) + 2 * SPARE_ROWS;
    const last = Math.min(shown.length, first + room);
    const rows = [];
    if (first) { rows.push(space(first)); }
    for (let place = first; place < last; place += 1) { rows.push(line(place)); }
    if (last < shown.length) { rows.push(space(shown.length - last)); }
    body.replaceChildren(...rows);
  }

  // The headings sort, the fields narrow.

  function heading(column, number) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.setAttribute("aria-sort", "none");
    cell.style.width = `${breadth(number)}ch`;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = column.name.replaceAll("_", " ");
    button.title = column.description;
    button.addEventListener("click", () => {
      sorted = { column: number, ascending: sorted.column !== number || !sorted.ascending };
      headings();
      choose();
    });
    cell.append(button);
    return cell;
  }

  function field(column, number) {
    const box = document.createElement("div");
    const label = document.createElement("label");
    const input = document.createElement("input");
    const list = document.createElement("datalist");
    input.id = `field-${column.facet}`;
    list.id = `values-${column.facet}`;
    label.htmlFor = input.id;
    label.textContent = FACETS[column.facet];
    input.type = "search";
    input.autocomplete = "off";
    input.setAttribute("list", list.id);
    for (const value of data.values[number].filter(Boolean)) {
      const option = document.createElement("option");
      option.value = value;
      list.append(option);
    }
    fields[number] = input;
    box.append(label, input, list);
    return box;
  }

  function column(facet) {
    return columns.findIndex((one) => one.facet === facet);
  }

  // The picture: people on the left, groups in the middle, applications on the right.

  function picture() {
    const parts = ["person", "group", "application"].map(column);
    const box = element("picture");
    box.hidden = parts[0] < 0 || parts[2] < 0 || !shown.length;
    if (box.hidden || !box.open) { return; }
    const layers = parts.map(() => new Map());
    const edges = new Map();
    for (const row of shown) {
      const names = parts.map((part) => (part < 0 ? "" : data.values[part][data.cells[part][row]]));
      names.forEach((name, layer) => { if (name) { layers[layer].set(name, layers[layer].size); } });
      const route = names.map((name, layer) => [layer, name]).filter(([, name]) => name);
      for (let step = 1; step < route.length; step += 1) {
        edges.set(JSON.stringify([route[step - 1], route[step]]), [route[step - 1], route[step]]);
      }
      if (layers.some((layer) => layer.size > MOST_DRAWN)) { break; }
    }
    const words = layers.map((layer) => layer.size);
    const tooMuch = words.some((size) => size > MOST_DRAWN);
    element("picture-words").textContent = tooMuch
      ? `There is too much to draw: narrow the rows to at most ${MOST_DRAWN} people, groups and applications.`
      : `${words[0]} people, ${words[1]} groups, ${words[2]} applications. Dashed: without a group. Choose one to narrow the rows.`;
    element("drawing").replaceChildren(...(tooMuch ? [] : [drawn(layers, [...edges.values()], parts)]));
  }

  function svg(name, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) { made.setAttribute(key, value); }
    made.append(...children);
    return made;
  }

  function drawn(layers, edges, parts) {
    const [width, height, gap, between] = [240, 24, 8, 130];
    const tallest = Math.max(...layers.map((layer) => layer.size));
    const places = layers.map((layer, number) => {
      const top = ((tallest - layer.size) * (height + gap)) / 2 + gap;
      const names = [...layer.keys()];
      return new Map(names.map((name, row) => [name, [number * (width + between) + 1, top + row * (height + gap)]]));
    });
    const lines = edges.map(([from, to]) => {
      const [x, y] = places[from[0]].get(from[1]);
      const [u, v] = places[to[0]].get(to[1]);
      const [left, right, middle] = [x + width, u, (x + width + u) / 2];
      return svg("path", { class: to[0] - from[0] > 1 ? "straight" : "", d: `M${left},${y + height / 2} C${middle},${y + height / 2} ${middle},${v + height / 2} ${right},${v + height / 2}` });
    });
    const boxes = places.flatMap((layer, number) => [...layer].map(([name, [x, y]]) => node(parts[number], name, x, y, width, height)));
    const size = [3 * width + 2 * between + 2, tallest * (height + gap) + 2 * gap];
    return svg("svg", {
      role: "group", "aria-labelledby": "picture-words", width: size[0], height: size[1], viewBox: `0 0 ${size[0]} ${size[1]}`,
    }, ...lines.filter((one) => !passes(one)), ...boxes, ...lines.filter(passes));
  }

  // What passes the groups by is drawn over them, dashed, so that it seems to lead to none.
  function passes(edge) {
    return edge.getAttribute("class") === "straight";
  }

  function node(part, name, x, y, width, height) {
    const label = svg("text", { x: x + 8, y: y + height / 2 + 4 });
    label.textContent = name.length > 32 ? `${name.slice(0, 31)}…` : name;
    const title = svg("title", {});
    title.textContent = name;
    const made = svg("g", { role: "button", tabindex: 0, "aria-label": `Narrow to ${name}` },
      title, svg("rect", { x, y, width, height, rx: 4 }), label);
    const narrow = () => { fields[part].value = name; choose(); fields[part].focus(); };
    made.addEventListener("click", narrow);
    made.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); narrow(); }
    });
    return made;
  }

  viewport.querySelector("thead tr").append(...columns.map(heading));
  const form = element("filters");
  Object.keys(FACETS).map(column).filter((number) => number >= 0)
    .forEach((number) => element("narrow").append(field(columns[number], number)));
  element("fields").open = window.matchMedia("(min-width: 45rem)").matches;
  recall();
  form.addEventListener("input", choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(choose));
  viewport.addEventListener("scroll", () => draw());
  element("picture").addEventListener("toggle", picture);
  window.addEventListener("resize", () => draw());
  window.addEventListener("hashchange", () => { recall(); choose(); });
  window.addEventListener("beforeprint", print);
  window.addEventListener("afterprint", () => element("paper").replaceChildren());
  choose();
})();
