// Long work is done in slices of tens of milliseconds, so that a page stays responsive.

/**
 * Lets whatever else waits have its turn. A message and no timer: pages in the background have
 * their timers slowed down to one a second.
 * @returns {Promise<void>}
 */
export async function turn() {
  const { port1, port2 } = new MessageChannel();
  await new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(null);
  });
  port1.close();
}
