// A full green screen is gone after 300 ms; this remembers the tote of each one.
window.greens = [];
new MutationObserver(() => {
  const green = document.querySelector(".full.ok");
  if (green && green.dataset.at !== window.greenAt) {
    window.greenAt = green.dataset.at;
    window.greens.push(green.querySelector(".slot").textContent);
  }
}).observe(document, { childList: true, subtree: true });
