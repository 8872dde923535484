// Light, dark, or as the system says. Runs before anything is drawn, so that nothing flashes.

(() => {
  const order = ["system", "light", "dark"];
  const root = document.documentElement;
  let chosen = "system";
  try {
    chosen = localStorage.getItem("theme") ?? "system";
  } catch {
    // Nothing may be kept here: the choice lasts as long as the page.
  }

  function show() {
    if (chosen === "system") delete root.dataset.theme; else root.dataset.theme = chosen;
    const button = document.getElementById("theme");
    button?.setAttribute("aria-label", `Colours: ${chosen === "system" ? "as the system" : chosen}. Change`);
    button?.setAttribute("data-chosen", chosen);
  }

  show();
  document.addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", () => {
      chosen = order[(order.indexOf(chosen) + 1) % order.length];
      try {
        localStorage.setItem("theme", chosen);
      } catch {
        // As above.
      }
      show();
    });
  });
})();
