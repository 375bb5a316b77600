// Before the first paint, so that a chosen appearance does not flash. Storage may be forbidden.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // The system's appearance is a good one.
}
