/* The pages of labels: show only the fields a kind of label needs, and draw a template's preview on
   the edge while it is written, with the very code that prints. */

const PREVIEW_AFTER_MS = 300;

/* Which fields the form that prints shows. */
const kind = document.getElementById("kind");
const showFields = () => {
  for (const part of document.querySelectorAll("#print [data-for]")) {
    part.hidden = !part.dataset.for.split(" ").includes(kind.value);
  }
};
kind?.addEventListener("change", showFields);
if (kind) showFields();

/* The preview. An answer that comes after a newer question is dropped. */
const form = document.getElementById("template");
const canvas = document.getElementById("preview");
const found = document.getElementById("found");
let asked = 0;

async function draw() {
  const mine = ++asked;
  const dots = document.getElementById("dots").value;
  let response;
  try {
    response = await fetch(`${form.dataset.api}/preview?dots=${dots}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ body: form.elements.body.value }),
    });
  } catch {
    return;
  }
  const problem = response.ok ? null : await response.json().catch(() => ({}));
  const picture = response.ok ? await createImageBitmap(await response.blob()) : null;
  if (mine !== asked) return;
  const save = form.querySelector('[value="save"]');
  save.disabled = !response.ok;
  form.querySelector(".field").classList.toggle("bad", !response.ok);
  found.classList.toggle("bad", !response.ok);
  found.textContent = response.ok
    ? form.dataset.fine
    : `${form.dataset.invalid} ${(problem.detail ?? "").replace(/^[^.]*cannot be used\. /, "")}`;
  if (picture) {
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.getContext("2d").drawImage(picture, 0, 0);
  }
}

if (form) {
  let timer = 0;
  form.elements.body.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(draw, PREVIEW_AFTER_MS);
  });
  document.getElementById("dots").addEventListener("change", draw);
  draw();
}
