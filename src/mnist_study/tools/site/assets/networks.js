// Trained networks, each a file of its own that is loaded when it is first wanted, as a script: a page that was opened
// from disk may fetch nothing. It defines `networks`.
"use strict";

const networks = (() => {
  const loaded = new Map();

  /** A promise of a network that is ready for the scorer. */
  function load(name, seed) {
    const key = `${name} ${seed}`;
    if (!loaded.has(key))
      loaded.set(key, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = `networks/${name}-${seed}.js`;
        script.onload = () => resolve(scorer.prepare(window.NETWORKS[key]));
        script.onerror = () => {
          loaded.delete(key); // so that it can be tried again
          reject(new Error(`${script.src} cannot be loaded`));
        };
        document.head.append(script);
      }));
    return loaded.get(key);
  }

  return { load };
})();
