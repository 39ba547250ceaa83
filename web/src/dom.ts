/** The few helpers that stand in for a framework. */

type Attributes = Record<string, string | number | boolean | null | ((event: Event) => void)>;

/** Makes an element; an `on…` attribute is a listener, `true` an empty attribute, `false` and `null` none. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string | null)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const ICONS = {
  undo: "M4 9h7.5a4 4 0 0 1 0 8H8M4 9l3.5-3.5M4 9l3.5 3.5",
  redo: "M16 9H8.5a4 4 0 0 0 0 8H12M16 9l-3.5-3.5M16 9l-3.5 3.5",
  plus: "M10 4.5v11M4.5 10h11",
  trash: "M4.5 6h11M8 6V4.5h4V6M6 6l.7 9.5h6.6L14 6M8.7 9v4M11.3 9v4",
  link: "M8.5 11.5a3 3 0 0 0 4.4.2l2.3-2.3a3 3 0 0 0-4.3-4.3l-1 1M11.5 8.5a3 3 0 0 0-4.4-.2l-2.3 2.3a3 3 0 0 0 4.3 4.3l1-1",
  pointer: "M3 2.2 16 8.6l-5.6 1.9L7.7 16z",
} as const;

/** A 20 × 20 line icon in the colour of the text around it; it is decoration, so the button needs its own label. */
export function icon(name: keyof typeof ICONS): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS(svg.namespaceURI, "path") as SVGPathElement;
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Opens `panel` (an element with the `popover` attribute) below `button`, kept inside the window. */
export function attachPopover(button: HTMLButtonElement, panel: HTMLElement): void {
  panel.popover = "auto";
  button.popoverTargetElement = panel;
  panel.addEventListener("toggle", () => {
    const open = panel.matches(":popover-open");
    button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    const anchor = button.getBoundingClientRect();
    const left = Math.min(anchor.right - panel.offsetWidth, innerWidth - panel.offsetWidth - 8);
    panel.style.left = `${Math.max(8, left)}px`;
    panel.style.top = `${anchor.bottom + 8}px`;
  });
}

export const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
