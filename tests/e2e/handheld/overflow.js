// Return what is cut off or sticks out of the screen, as readable lines.
() => [...document.querySelectorAll("#hand *")].filter((el) => {
  const box = el.getBoundingClientRect();
  if (!box.width || el.closest("svg")) return false;
  const isCut = el.scrollWidth > el.clientWidth + 1 && !el.matches(".name, .goods-name")
    && getComputedStyle(el).display !== "inline";
  const isSpilt = el.matches(".lead, .inner, .hbody") && el.scrollHeight > el.clientHeight + 1;
  const isOut = box.right > innerWidth + 1 || box.bottom > innerHeight + 1 || box.left < -1;
  return isCut || isSpilt || isOut;
}).map((el) => `${el.tagName}.${el.className}: ${el.textContent}`)
