// Details of an entry beside the results, read from the entry's own page.

export function openEntriesInDrawer(drawer, form) {
  const content = drawer.querySelector("[data-content]");

  const openEntry = async (card) => {
    const address = card.querySelector("a.mat").href;
    try {
      const answer = await fetch(address);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const entry = page.querySelector("#entry");
      if (!answer.ok || !entry) throw new Error("no such entry");
      const heading = entry.querySelector("h1");
      heading.id = "drawer-heading";
      heading.tabIndex = -1;
      drawer.removeAttribute("aria-label");
      drawer.setAttribute("aria-labelledby", heading.id);
      content.replaceChildren(document.adoptNode(entry));
      drawer.showModal();
      drawer.scrollTop = 0;
      heading.focus();
    } catch {
      location.assign(address);
    }
  };

  form.addEventListener("click", (event) => {
    const link = event.target.closest("a.mat");
    // With a key held, people mean a new tab or window, and get it.
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button !== 0) return;
    event.preventDefault();
    openEntry(link.closest(".card"));
  });
  drawer.addEventListener("click", (event) => {
    if (event.target === drawer) drawer.close();
  });
  drawer.addEventListener("close", () => content.replaceChildren());
  return openEntry;
}
