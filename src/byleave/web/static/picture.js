// Search with a picture that is dropped anywhere on the page, pasted, or chosen.

const KINDS = /^image\/(jpeg|png|webp|gif|avif|bmp|tiff)$/;

export function takePictures(form) {
  const input = form.querySelector("input[type=file]");

  const send = () => {
    if (!input.files.length) return;
    form.classList.add("busy");
    form.setAttribute("aria-busy", "true");
    form.requestSubmit();
  };

  const take = (files) => {
    const picture = [...files].find((file) => KINDS.test(file.type));
    if (!picture) return false;
    const carrier = new DataTransfer();
    carrier.items.add(picture);
    input.files = carrier.files;
    send();
    return true;
  };

  input.addEventListener("change", send);

  document.addEventListener("paste", (event) => {
    if (take(event.clipboardData.files)) event.preventDefault();
  });

  const carriesFiles = (event) => event.dataTransfer.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!carriesFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });

  // Coming back by the browser's own button shows the page as it was left, busy or not.
  window.addEventListener("pageshow", () => {
    form.classList.remove("busy");
    form.removeAttribute("aria-busy");
  });
}
