// The frame: the account menu, the appearance, and the drawer of conversations on small screens.

for (const menu of document.querySelectorAll("[data-menu]")) {
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

const themes = document.querySelector("[data-themes]");
if (themes) {
  themes.hidden = false;
  const current = document.documentElement.dataset.theme ?? "system";
  themes.querySelector(`[value="${current}"]`).checked = true;
  themes.addEventListener("change", (event) => {
    const theme = event.target.value;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // It then lasts until the page is left.
    }
  });
}

const toggle = document.querySelector("[data-drawer-toggle]");
if (toggle) {
  const drawer = document.querySelector("[data-drawer]");
  toggle.addEventListener("click", () => {
    const open = drawer.toggleAttribute("data-open");
    toggle.setAttribute("aria-expanded", String(open));
    if (open) drawer.querySelector("li a, a")?.focus();
  });
}
