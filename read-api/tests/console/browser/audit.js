// What can be told of the accessibility of a page without looking at it: a list of
// sentences, empty when nothing is wrong.
(() => {
  const wrong = [];
  const say = (what, element) => wrong.push(`${what}: ${element ? element.outerHTML.slice(0, 160) : ""}`);

  if (document.documentElement.lang !== "en") say("no language");
  if (!document.title) say("no title");
  if (document.querySelectorAll("h1").length !== 1) say("not one h1");
  for (const name of ["main", "header", "footer", "nav"]) {
    if (!document.querySelector(name)) say(`no ${name}`);
  }
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const now = Number(heading.tagName[1]);
    if (now > level + 1 && !heading.closest("dialog")) say("a heading level is left out", heading);
    level = now;
  }
  const ids = new Set();
  for (const element of document.querySelectorAll("[id]")) {
    if (ids.has(element.id)) say("an id twice", element);
    ids.add(element.id);
  }
  for (const element of document.querySelectorAll("[aria-labelledby]")) {
    for (const id of element.getAttribute("aria-labelledby").split(" ")) {
      if (!document.getElementById(id)) say("labelled by nothing", element);
    }
  }
  for (const field of document.querySelectorAll("input, select, textarea")) {
    if (!field.labels?.length && !field.getAttribute("aria-label")) say("a field without a label", field);
  }
  for (const image of document.querySelectorAll("img")) {
    if (!image.hasAttribute("alt")) say("an image without alt", image);
  }
  for (const it of document.querySelectorAll("a[href], button")) {
    const name = it.getAttribute("aria-label") || it.textContent.trim() || it.title;
    if (!name) say("a control without a name", it);
  }
  for (const table of document.querySelectorAll("table")) {
    const cells = [...table.querySelectorAll("th")];
    if (cells.length === 0) say("a table without headers", table);
    for (const cell of cells) if (!cell.scope) say("a header without scope", cell);
  }
  for (const region of document.querySelectorAll(".scroll")) {
    if (region.tabIndex !== 0 || !region.getAttribute("aria-label")) say("not scrollable by keyboard", region);
  }

  // Contrast, WCAG 2.2, 1.4.3.
  const parse = (color) => {
    const numbers = color.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
    return { rgb: numbers.slice(0, 3), alpha: numbers.length > 3 ? numbers[3] : 1 };
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((part) => {
      const it = part / 255;
      return it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = parse(getComputedStyle(at).backgroundColor);
      if (found.alpha === 1) return found.rgb;
    }
    return [255, 255, 255];
  };
  const seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || seen.has(element)) continue;
    seen.add(element);
    if (element.closest("title, desc, noscript, script, option, .visually-hidden")) continue;
    if (!element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const svg = element.closest("svg");
    let behind = ground(svg ? svg.parentElement : element);
    let ink = parse(svg ? style.fill : style.color).rgb;
    if (svg && element.classList.contains("inside")) {
      let bar = element.previousElementSibling;
      while (bar && bar.tagName !== "rect") bar = bar.previousElementSibling;
      behind = parse(getComputedStyle(bar).fill).rgb;
    }
    const found = contrast(ink, behind);
    if (found < 4.5) say(`contrast ${found.toFixed(2)}`, element);
  }
  if (seen.size < 10) say("there is hardly any text");
  return wrong;
})();
