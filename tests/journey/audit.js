// What a layout must not have; returns a sentence for each fault. Text on a canvas cannot be seen from here.
(least) => {
  const faults = [];
  const name = (element) => `${element.tagName.toLowerCase()}${element.id ? `#${element.id}` : ""}.${element.getAttribute("class") ?? ""} “${element.textContent.trim().slice(0, 40)}”`;
  const visible = (element) => element.getClientRects().length > 0;
  if (document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth) faults.push("the page scrolls");
  for (const element of document.querySelectorAll("#stage *")) {
    if (element.closest("svg, canvas") || !visible(element)) continue;
    const style = getComputedStyle(element);
    if (style.display === "inline") continue;
    const cut = style.webkitLineClamp !== "none"; // ends in "…" by design
    if (element.scrollWidth > element.clientWidth + 1) faults.push(`too wide: ${name(element)} ${element.scrollWidth} > ${element.clientWidth}`);
    const allowed = element.matches(".panel, .panel > .body, .kpi") ? 1 : 8;
    if (!cut && element.scrollHeight > element.clientHeight + allowed) faults.push(`too high: ${name(element)} ${element.scrollHeight} > ${element.clientHeight}`);
    const box = element.getBoundingClientRect();
    if (box.right > innerWidth + 1 || box.bottom > innerHeight + 1) faults.push(`off the screen: ${name(element)}`);
  }
  for (const text of document.querySelectorAll("#map .body text")) {
    const [inner, outer] = [text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()];
    if (inner.left < outer.left - 1 || inner.right > outer.right + 1) faults.push(`cut off: ${name(text)}`);
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !visible(element) || element.closest("title, script, style")) continue;
    const scale = element.ownerSVGElement ? element.getScreenCTM().a : 1;
    const size = parseFloat(getComputedStyle(element).fontSize) * scale;
    if (size < least) faults.push(`${size.toFixed(1)} px: ${name(element)}`);
  }
  const chart = window.echarts.getInstanceByDom(document.querySelector("#load .body")).getOption();
  for (const axis of [...chart.xAxis, ...chart.yAxis]) if (axis.axisLabel.fontSize < least) faults.push(`${axis.axisLabel.fontSize} px on the chart`);
  return faults;
}
