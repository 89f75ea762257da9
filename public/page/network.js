/**
 * Listens to what the browser says of its network and of the page.
 *
 * @param {object} on
 * @param {() => void} on.lost it has no network
 * @param {() => void} on.woken the network is another one now, or the page has slept
 * @param {() => void} on.seen the page is visible again
 */
export function listenToNetwork({ lost, woken, seen }) {
  addEventListener("offline", lost);
  addEventListener("online", woken);
  document.addEventListener("resume", woken);
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) woken();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") seen();
  });
}

/**
 * The address of a WebSocket on the page's own host, as secure as the page is.
 *
 * @param {string} address relative to the page
 */
export function socketUrl(address) {
  const url = new URL(address, document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  return url.href;
}
