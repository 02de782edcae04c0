// The pictures chosen: kept for this tab, so that paging, another search and signing in lose none.

const KEPT = "chosen";

export function keepSelection(form) {
  const toolbar = form.querySelector(".toolbar");
  const said = toolbar.querySelector(".chosen");
  const most = Number(form.dataset.most);
  const boxes = () => [...form.querySelectorAll("input[name=entry][type=checkbox]")];
  const chosen = new Set(read());

  const show = () => {
    for (const box of boxes()) box.checked = chosen.has(box.value);
    const elsewhere = chosen.size - boxes().filter((box) => box.checked).length;
    const words = chosen.size === 1 ? "1 picture chosen" : `${chosen.size} pictures chosen`;
    said.textContent = elsewhere ? `${words}, ${elsewhere} of them on other pages` : words;
    toolbar.classList.toggle("ready", chosen.size > 0);
    form.classList.toggle("choosing", chosen.size > 0);
    sessionStorage.setItem(KEPT, JSON.stringify([...chosen]));
  };

  form.addEventListener("change", (event) => {
    const box = event.target;
    if (box.name !== "entry") return;
    if (!box.checked) chosen.delete(box.value);
    else if (chosen.size < most) chosen.add(box.value);
    show();
    if (chosen.size >= most) said.textContent = `${most} pictures chosen, the most at once`;
  });

  form.addEventListener("submit", () => {
    const here = new Set(boxes().map((box) => box.value));
    for (const old of form.querySelectorAll("input[type=hidden][name=entry]")) old.remove();
    for (const entry of chosen) if (!here.has(entry)) form.append(hidden(entry));
  });

  toolbar.querySelector("[data-clear]").addEventListener("click", () => {
    chosen.clear();
    show();
  });

  window.addEventListener("pageshow", () => {
    chosen.clear();
    for (const entry of read()) chosen.add(entry);
    show();
  });
  show();
  return chosen;
}

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((entry) => typeof entry === "string") : [];
  } catch {
    return [];
  }
}

function hidden(entry) {
  const field = document.createElement("input");
  Object.assign(field, { type: "hidden", name: "entry", value: entry });
  return field;
}
