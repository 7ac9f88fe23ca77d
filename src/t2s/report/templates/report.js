"use strict";
(() => {
  const button = document.getElementById("motion");
  const clips = [...document.querySelectorAll("video")];
  if (clips.length === 0) return;
  const set = (paused) => {
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Play clips" : "Pause clips";
    for (const clip of clips) {
      clip.autoplay = !paused;
      if (paused) clip.pause();
      else clip.play().catch(() => {});
    }
  };
  button.hidden = false;
  button.addEventListener("click", () => set(button.getAttribute("aria-pressed") !== "true"));
  for (const clip of clips) {
    clip.addEventListener("click", () => (clip.paused ? clip.play() : clip.pause()));
  }
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) set(true);
})();
