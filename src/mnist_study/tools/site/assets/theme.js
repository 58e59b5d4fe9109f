// Light or dark: the system's setting, until the button chooses. Runs in the head, so that no page flashes.
"use strict";

{
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  const kept = {
    get() { try { return localStorage.getItem("theme"); } catch { return null; } }, // some browsers refuse from a file
    set(theme) { try { localStorage.setItem("theme", theme); } catch { /* then it holds for this page */ } },
  };
  const current = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  if (["dark", "light"].includes(kept.get())) root.dataset.theme = kept.get();

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const say = () => (button.textContent = current() === "dark" ? "Light" : "Dark");
    button.setAttribute("aria-description", "Switches the page's colours");
    button.addEventListener("click", () => {
      root.dataset.theme = current() === "dark" ? "light" : "dark";
      kept.set(root.dataset.theme);
      say();
    });
    dark.addEventListener("change", say);
    say();
  });
}
