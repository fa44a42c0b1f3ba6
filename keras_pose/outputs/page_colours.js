// Colours of the page, and of the sides of people on it.

function rgb([red, green, blue]) {
  return `rgb(${red}, ${green}, ${blue})`;
}

/** A colour, from all of the second to all of the first. */
function mixed(first, second, share) {
  return rgb(first.map((value, i) => Math.round(value * share + second[i] * (1 - share))));
}

/** The page's colours, and how those of the sides look on them. */
function themeColours() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const card = colour("card").match(/[0-9a-f]{2}/gi).map((hex) => parseInt(hex, 16));
  const dark = card[0] < 128;
  const lighter = (channels) => channels.map((value) => Math.round(value + 0.35 * (255 - value)));
  return {
    ink: colour("ink"), faint: colour("faint"), line: colour("line"), floor: colour("floor"), card,
    side: (channels) => (dark ? lighter(channels) : channels),
  };
}
