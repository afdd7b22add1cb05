// Which district a page is about, where a cloud serves several: its address says it, and so must every question that the page asks.

const GROUP = new URLSearchParams(location.search).get("group");

/** The address of a question about this page's district. */
export const here = (path) => (GROUP === null ? path : `${path}${path.includes("?") ? "&" : "?"}group=${encodeURIComponent(GROUP)}`);
