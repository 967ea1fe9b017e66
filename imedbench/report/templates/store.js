"use strict";
// Enlarges a plate into three panels side by side. Without this script the plate itself grows (see figure:target).
(() => {
  const plates = [...document.querySelectorAll(".plate")];
  const dialog = document.querySelector("dialog");
  if (!plates.length || !dialog || !dialog.showModal) return;
  const find = (name) => dialog.querySelector(name);
  const pointed = find(".pointed");
  let shown = 0;
  const panel = (kind, plate, words) => {
    const box = document.createElement("div");
    const frame = document.createElement("div");
    frame.className = "panel " + kind;
    frame.append(plate.querySelector("svg").cloneNode(true));
    const caption = document.createElement("p");
    caption.textContent = words;
    box.append(frame, caption);
    return box;
  };
  const show = (index) => {
    shown = (index + plates.length) % plates.length;
    const plate = plates[shown];
    const figure = plate.closest("figure");
    const count = (kind) => plate.querySelectorAll("." + kind + " path").length;
    find(".bar b").textContent = figure.querySelector("figcaption b").title;
    find(".bar span").textContent = figure.querySelector("figcaption .facts").textContent;
    const panels = [panel("bare", plate, "Picture"), panel("true", plate, "Truth: " + count("truth") + " masks")];
    if (count("interactive")) panels.push(panel("generated", plate, "Interactive: " + count("interactive") + " masks"));
    find(".panels").replaceChildren(...panels);
    const names = figure.querySelector(".names");
    find(".under").replaceChildren(...(names ? [names.cloneNode(true)] : []));
    pointed.textContent = "Point at a mask to see what it is.";
    if (!dialog.open) dialog.showModal();
  };
  plates.forEach((plate, index) => plate.addEventListener("click", (event) => { event.preventDefault(); show(index); }));
  find(".previous").addEventListener("click", () => show(shown - 1));
  find(".next").addEventListener("click", () => show(shown + 1));
  find(".shut").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => plates[shown].focus());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(shown - 1);
    if (event.key === "ArrowRight") show(shown + 1);
  });
  dialog.addEventListener("pointerover", (event) => {
    const path = event.target.closest("path");
    if (path) pointed.textContent = path.querySelector("title").textContent;
  });
})();
