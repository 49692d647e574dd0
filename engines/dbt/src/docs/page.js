"use strict";
// The page is whole without this: the script adds the search, and what a drawing of many boxes needs.
(() => {
  const element = (id) => document.getElementById(id);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // Search: every word has to occur in a section; contents and sections show what is found.
  const sections = all("section.node").map((section) => ({
    section,
    link: document.querySelector(`.contents li a[href="#${CSS.escape(section.id)}"]`)?.parentElement,
    // Not the SQL: a word of it would find every model that reads a table.
    text: all("h2, .note, .description, table", section).map((part) => part.textContent).join(" ").toLowerCase(),
  }));
  const search = element("search");
  const find = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
    let found = 0;
    for (const { section, link, text } of sections) {
      const matches = words.every((word) => text.includes(word));
      section.hidden = !matches;
      if (link) link.hidden = !matches;
      found += matches ? 1 : 0;
    }
    for (const list of all(".contents ul")) {
      const shown = all("li", list).some((item) => !item.hidden);
      list.hidden = !shown;
      list.previousElementSibling.hidden = !shown;
    }
    element("lineage").hidden = words.length > 0;
    element("found").textContent = words.length > 0 ? `${found} of ${sections.length}` : "";
  };
  search.addEventListener("input", find);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { search.value = ""; find(); }
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "");
    if (event.key === "/" && !typing) { event.preventDefault(); search.focus(); }
  });
  // A link leads to its section also while a search hides it.
  const reveal = () => {
    const target = element(decodeURIComponent(location.hash.slice(1)));
    if (target?.hidden) { search.value = ""; find(); target.scrollIntoView(); }
  };
  addEventListener("hashchange", reveal);
  element("search").closest(".search").hidden = false;
  const groups = document.querySelector(".groups");
  if (matchMedia("(max-width: 56rem)").matches) groups.open = false;

  // Lineage: one model with what it comes from and goes into, zoom, and panning by dragging.
  const drawing = document.querySelector(".drawing");
  const svg = drawing.querySelector("svg");
  const boxes = new Map(all("[data-node]", svg).map((box) => [box.dataset.node, box]));
  const edges = all("path[data-from]", svg).map((path) => ({ path, from: path.dataset.from, to: path.dataset.to }));
  const width = svg.viewBox.baseVal.width, height = svg.viewBox.baseVal.height;
  let zoom = 1;
  const reach = (start, from, to) => {
    const reached = new Set([start]);
    for (const id of reached) {
      for (const edge of edges) if (edge[from] === id) reached.add(edge[to]);
    }
    return reached;
  };
  const scale = (next) => {
    zoom = Math.min(2, Math.max(0.2, next));
    svg.setAttribute("width", String(Math.round(svg.viewBox.baseVal.width * zoom)));
    svg.setAttribute("height", String(Math.round(svg.viewBox.baseVal.height * zoom)));
  };
  const fit = () => scale(Math.min(1, drawing.clientWidth / svg.viewBox.baseVal.width));
  const show = () => {
    const focus = element("focus").value, direction = element("direction").value;
    element("direction").disabled = focus === "";
    const shown = focus === "" ? new Set(boxes.keys()) : new Set([
      ...(direction === "down" ? [focus] : reach(focus, "to", "from")),
      ...(direction === "up" ? [focus] : reach(focus, "from", "to")),
    ]);
    let box = null;
    for (const [id, node] of boxes) {
      node.style.display = shown.has(id) ? "" : "none";
      node.classList.toggle("chosen", id === focus);
      if (shown.has(id)) {
        const { x, y, width, height } = node.querySelector("rect").getBBox();
        box = box === null ? [x, y, x + width, y + height]
          : [Math.min(box[0], x), Math.min(box[1], y), Math.max(box[2], x + width), Math.max(box[3], y + height)];
      }
    }
    for (const { path, from, to } of edges) path.style.display = shown.has(from) && shown.has(to) ? "" : "none";
    // What is left of the drawing fills it.
    const margin = 10;
    svg.setAttribute("viewBox", focus === "" || box === null ? `0 0 ${width} ${height}`
      : `${box[0] - margin} ${box[1] - margin} ${box[2] - box[0] + 2 * margin} ${box[3] - box[1] + 2 * margin}`);
    scale(focus === "" ? zoom : 1);
  };
  const mark = (id) => {
    for (const { path, from, to } of edges) path.classList.toggle("on", from === id || to === id);
  };
  for (const [id, node] of boxes) {
    node.addEventListener("pointerenter", () => mark(id));
    node.addEventListener("pointerleave", () => mark(""));
    node.addEventListener("focus", () => mark(id));
    node.addEventListener("blur", () => mark(""));
  }
  element("focus").addEventListener("change", show);
  element("direction").addEventListener("change", show);
  element("closer").addEventListener("click", () => scale(zoom * 1.25));
  element("farther").addEventListener("click", () => scale(zoom / 1.25));
  element("whole").addEventListener("click", fit);
  // A touch screen pans by itself.
  let from = null, moved = false;
  drawing.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    from = [event.clientX + drawing.scrollLeft, event.clientY + drawing.scrollTop];
    moved = false;
  });
  addEventListener("pointermove", (event) => {
    if (from === null) return;
    const left = from[0] - event.clientX, top = from[1] - event.clientY;
    moved ||= Math.abs(left - drawing.scrollLeft) + Math.abs(top - drawing.scrollTop) > 4;
    if (moved) {
      drawing.classList.add("panned");
      drawing.scrollTo({ left, top, behavior: "instant" });
    }
  });
  addEventListener("pointerup", () => { from = null; drawing.classList.remove("panned"); });
  // The end of a drag is no click on the box below it.
  drawing.addEventListener("click", (event) => { if (moved) event.preventDefault(); moved = false; }, true);
  drawing.addEventListener("dragstart", (event) => event.preventDefault());
  drawing.classList.add("pannable");
  element("lineage").querySelector(".tools").hidden = false;
  show();
  reveal();
})();
