// The buttons that copy the command beside them.
"use strict";

for (const button of document.querySelectorAll(".copy button"))
  button.addEventListener("click", () => {
    const code = button.parentElement.querySelector("code");
    getSelection().selectAllChildren(code); // so that it can be copied by hand where the browser refuses
    Promise.resolve(navigator.clipboard?.writeText(code.textContent))
      .then(() => (button.textContent = navigator.clipboard ? "Copied" : "Selected"))
      .catch(() => (button.textContent = "Selected"));
  });
