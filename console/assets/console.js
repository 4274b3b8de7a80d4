// What the console does beyond links and forms: themes, copying, keys, and pages that
// follow the log. Everything else works without it.
"use strict";

(() => {
  const root = document.documentElement;
  const THEME = "countersign.theme";

  const stored = () => {
    try { return localStorage.getItem(THEME); } catch { return null; }
  };

  const chosen = stored();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;

  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;

  const element = (name, attributes, text) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const say = (text) => {
    const region = document.getElementById("said");
    if (region) region.textContent = text;
  };

  // Theme and help.

  const tools = () => {
    const bar = document.getElementById("tools");
    if (!bar) return;
    const theme = element("button", { type: "button", id: "theme" });
    const show = () => {
      theme.textContent = isDark() ? "Light" : "Dark";
      theme.setAttribute("aria-label", isDark() ? "Use the light theme" : "Use the dark theme");
    };
    theme.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.setItem(THEME, root.dataset.theme); } catch { /* not kept */ }
      show();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
    show();
    const help = element("button", { type: "button", id: "keys", "aria-label": "Keyboard shortcuts" }, "?");
    help.addEventListener("click", openHelp);
    bar.append(theme, help);
  };

  const KEYS = [
    ["/", "Go to the filter"],
    ["j", "Next row"],
    ["k", "Previous row"],
    ["Enter", "Open the row"],
    ["?", "This help"],
    ["Esc", "Close it"],
  ];

  const openHelp = () => {
    let dialog = document.getElementById("help");
    if (!dialog) {
      dialog = element("dialog", { id: "help", "aria-labelledby": "help-title" });
      dialog.append(element("h2", { id: "help-title" }, "Keyboard shortcuts"));
      const list = element("dl", {});
      for (const [key, meaning] of KEYS) {
        const term = element("dt", {});
        term.append(element("kbd", {}, key));
        list.append(term, element("dd", {}, meaning));
      }
      const form = element("form", { method: "dialog" });
      form.append(element("button", { class: "main" }, "Close"));
      dialog.append(list, form);
      document.body.append(dialog);
    }
    if (!dialog.open) dialog.showModal();
  };

  // Copying.

  const copiers = (within) => {
    for (const held of within.querySelectorAll("[data-copy]")) {
      if (held.nextElementSibling?.classList.contains("copy")) continue;
      const what = held.dataset.what || "value";
      const button = element("button", { type: "button", class: "copy", "aria-label": `Copy ${what}` }, "Copy");
      held.after(button);
    }
  };

  const copy = async (button) => {
    const held = button.previousElementSibling;
    const text = held?.dataset.copy || held?.textContent || "";
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without a secure context there is no clipboard: select it instead.
      done = false;
      getSelection()?.selectAllChildren(held);
    }
    button.textContent = done ? "Copied" : "Selected";
    say(done ? "Copied" : "Selected: copy it with the keyboard");
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };

  // Keys.

  const rows = () => [...document.querySelectorAll("main tbody tr a[data-row]")];

  const move = (step) => {
    const links = rows();
    if (links.length === 0) return;
    const row = document.activeElement?.closest?.("tr");
    const at = row ? links.findIndex((link) => row.contains(link)) : -1;
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
    links[Math.max(0, Math.min(links.length - 1, next))].focus();
  };

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target;
    if (target.closest?.("input, select, textarea, dialog")) return;
    const filter = document.querySelector("form.filter input, form.filter select");
    switch (event.key) {
      case "/":
        if (!filter) return;
        filter.focus();
        filter.select?.();
        break;
      case "j": move(1); break;
      case "k": move(-1); break;
      case "?": openHelp(); break;
      default: return;
    }
    event.preventDefault();
  };

  // Following the log: an event says that something has changed, and the page itself is
  // asked for again. Only parts that differ are exchanged.

  const AT_MOST_EVERY = 700;
  const IN_ANY_CASE = 10_000;

  const follow = () => {
    const page = document.querySelector("main[data-follow]");
    const state = document.getElementById("heard");
    if (!page || !state || !window.EventSource) return;
    let source = null;
    let last = Number(page.dataset.position) || 0;
    let wanted = last;
    let timer = 0;
    let running = false;

    const tell = (name, text) => {
      state.dataset.state = name;
      state.textContent = text;
    };

    const focused = () => {
      const active = document.activeElement;
      if (!active || active === document.body) return null;
      if (active.id) return (within) => within.getElementById(active.id);
      const href = active.getAttribute("href");
      if (!href) return null;
      return (within) => [...within.querySelectorAll("main a")].find((a) => a.getAttribute("href") === href);
    };

    const exchange = (fresh) => {
      let changed = 0;
      for (const part of document.querySelectorAll("[data-part]")) {
        const now = fresh.getElementById(part.id);
        if (!now || now.innerHTML === part.dataset.served) continue;
        const inside = part.contains(document.activeElement);
        const again = inside ? focused() : null;
        const made = document.importNode(now, true);
        made.dataset.served = now.innerHTML;
        part.replaceWith(made);
        copiers(made);
        if (again) again(document)?.focus({ preventScroll: true });
        changed += 1;
      }
      return changed;
    };

    const refresh = async () => {
      timer = 0;
      running = true;
      const address = new URL(location.href);
      if (wanted > 0) address.searchParams.set("min_position", wanted);
      try {
        const answer = await fetch(address, { headers: { accept: "text/html" } });
        if (answer.ok) {
          const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
          const changed = exchange(fresh);
          const position = Number(fresh.querySelector("main")?.dataset.position) || 0;
          if (changed > 0 && position > last) say(`Updated: position ${position}`);
          last = Math.max(last, position);
        }
      } catch { /* the next event or the timer asks again */ }
      running = false;
      if (wanted > last && timer === 0) timer = setTimeout(refresh, AT_MOST_EVERY);
    };

    const soon = (position) => {
      wanted = Math.max(wanted, position);
      if (timer === 0 && !running) timer = setTimeout(refresh, 150);
    };

    const open = () => {
      if (source) return;
      source = new EventSource(page.dataset.follow);
      source.onopen = () => tell("live", "Live");
      source.onerror = () => tell("away", "Not live: trying again");
      source.onmessage = (message) => soon(Number(message.lastEventId) || 0);
    };

    // A hidden page holds no connection: a browser has few of them for one server.
    const close = () => {
      source?.close();
      source = null;
    };

    for (const part of document.querySelectorAll("[data-part]")) part.dataset.served = part.innerHTML;
    copiers(document);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) close();
      else { open(); soon(0); }
    });
    addEventListener("pagehide", close);
    setInterval(() => { if (!document.hidden) soon(0); }, IN_ANY_CASE);
    if (!document.hidden) open();
  };

  addEventListener("DOMContentLoaded", () => {
    tools();
    follow();
    copiers(document);
    document.addEventListener("keydown", onKey);
    document.addEventListener("click", (event) => {
      const button = event.target.closest?.("button.copy");
      if (button) copy(button);
    });
  });
})();
