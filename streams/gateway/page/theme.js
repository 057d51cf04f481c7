// Before anything is drawn: the page must not flash in the other theme or say another language.
{
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  const language = localStorage.getItem("language") ?? navigator.language;
  document.documentElement.lang = language.startsWith("zh") ? "zh" : "en";
}
