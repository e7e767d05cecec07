// Light or dark as chosen, before anything is painted.
try {
  const chosen = JSON.parse(localStorage.getItem("kanana.settings") ?? "{}").theme;
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // No storage, no choice: the system's.
}
