// A menu on every picture: by right click, by its button, and by the keyboard's menu key or Shift+F10.

let open = null;

export function addMenus(form, chosen, openEntry) {
  for (const card of form.querySelectorAll(".card")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "menu-button";
    button.textContent = "⋯";
    button.setAttribute("aria-haspopup", "menu");
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-label", `What to do with ${card.querySelector(".caption").textContent}`);
    card.querySelector(".mat").after(button);
    button.addEventListener("click", () => {
      if (open?.card === card) return close(true);
      const box = button.getBoundingClientRect();
      show(card, button, box.left, box.bottom + 4, chosen, openEntry);
    });
    card.addEventListener("contextmenu", (event) => {
      if (event.target.closest(".menu")) return;
      event.preventDefault();
      const box = card.querySelector(".mat").getBoundingClientRect();
      const byKey = event.clientX === 0 && event.clientY === 0;
      const inside = event.clientX >= box.left && event.clientX <= box.right;
      const at = byKey || !inside ? [box.left + 16, box.top + 16] : [event.clientX, event.clientY];
      show(card, document.activeElement?.closest(".card") === card ? document.activeElement : button, ...at, chosen, openEntry);
    });
  }
  document.addEventListener("pointerdown", (event) => {
    if (open && !event.target.closest(".menu, .menu-button")) close(false);
  });
  window.addEventListener("resize", () => close(false));
}

function show(card, back, left, top, chosen, openEntry) {
  close(false);
  const menu = document.createElement("div");
  menu.className = "menu";
  menu.setAttribute("role", "menu");
  menu.setAttribute("aria-label", card.querySelector(".caption").textContent);
  const entry = encodeURIComponent(card.dataset.entry);
  menu.append(
    item("Say no to this picture", `/choices/new?entry=${entry}&answer=no_training`),
    item("Ask me first", `/choices/new?entry=${entry}&answer=ask_first`),
    item("Say yes", `/choices/new?entry=${entry}&answer=yes`),
    separator(),
    item("Find copies", `/?copies=${entry}`),
  );
  if (card.dataset.url) menu.append(source(card.dataset.url));
  if (openEntry) menu.append(action("Details", () => openEntry(card)));
  menu.append(action(chosen.has(card.dataset.entry) ? "Choose no longer" : "Choose several", () => toggle(card)));
  menu.addEventListener("keydown", steer);
  document.body.append(menu);
  place(menu, left, top);
  card.querySelector(".menu-button").setAttribute("aria-expanded", "true");
  open = { menu, card, back };
  items()[0].focus();
}

function close(giveFocusBack) {
  if (!open) return;
  const { menu, card, back } = open;
  open = null;
  menu.remove();
  card.querySelector(".menu-button").setAttribute("aria-expanded", "false");
  if (giveFocusBack) back.focus();
}

function steer(event) {
  const all = items();
  const at = all.indexOf(document.activeElement);
  const to = {
    ArrowDown: (at + 1) % all.length,
    ArrowUp: (at - 1 + all.length) % all.length,
    Home: 0,
    End: all.length - 1,
  }[event.key];
  if (to !== undefined) all[to].focus();
  else if (event.key === "Escape") close(true);
  else if (event.key === "Tab") return close(true);
  else if (event.key === " ") document.activeElement.click();
  else if (event.key.length === 1 && /\S/.test(event.key)) begin(all, at, event.key);
  else return;
  event.preventDefault();
}

function begin(all, at, letter) {
  const order = [...all.slice(at + 1), ...all.slice(0, at + 1)];
  order.find((one) => one.textContent.toLowerCase().startsWith(letter.toLowerCase()))?.focus();
}

function items() {
  return [...open.menu.querySelectorAll("[role=menuitem]")];
}

function item(words, address) {
  const link = document.createElement("a");
  link.href = address;
  return dress(link, words);
}

function source(address) {
  const link = item("Open source page", address);
  link.rel = "noopener noreferrer nofollow external";
  return link;
}

function action(words, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.addEventListener("click", () => {
    close(true);
    act();
  });
  return dress(button, words);
}

function dress(element, words) {
  element.textContent = words;
  element.setAttribute("role", "menuitem");
  element.tabIndex = -1;
  return element;
}

function separator() {
  const line = document.createElement("div");
  line.setAttribute("role", "separator");
  return line;
}

function toggle(card) {
  const box = card.querySelector("input[name=entry]");
  box.checked = !box.checked;
  box.dispatchEvent(new Event("change", { bubbles: true }));
}

function place(menu, left, top) {
  const { width, height } = menu.getBoundingClientRect();
  const right = document.documentElement.clientWidth - width - 8;
  const lowest = document.documentElement.clientHeight - height - 8;
  menu.style.left = `${window.scrollX + Math.max(8, Math.min(left, right))}px`;
  menu.style.top = `${window.scrollY + Math.max(8, Math.min(top, lowest))}px`;
}
