// The button between light and dark, which every page has.
{
  const theme = document.createElement("button");
  theme.type = "button";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const name = () => (theme.textContent = isDark() ? "Light page" : "Dark page");
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    name();
  });
  system.addEventListener("change", name);
  name();
  document.querySelector(".top").append(theme);
}
