// What the page asks the server.

async function answer(response) {
  if (response.ok) return response;
  let line = `the server answered ${response.status}`;
  try {
    line = (await response.json()).error ?? line;
  } catch { /* not the application's own answer */ }
  throw new Error(line);
}

export const about = async () => (await answer(await fetch("/api/about"))).json();

export const addSample = async () => (await answer(await fetch("/api/sample", { method: "POST" }))).json();

export const addImage = async (file) =>
  (await answer(await fetch("/api/images", { method: "POST", body: file }))).json();

const bitmap = async (response) => createImageBitmap(await (await answer(response)).blob());

export const picture = async (image) => bitmap(await fetch(`/api/images/${image}/picture`));

export const times = async (image) => (await answer(await fetch(`/api/images/${image}/times`))).json();

export async function explain(image, { box, levels, rule, channel }) {
  const query = new URLSearchParams({ box: box.join(), levels: levels.join(), rule, channel });
  return (await answer(await fetch(`/api/images/${image}/window?${query}`))).json();
}

export const mapImage = async (image, number, channel) =>
  bitmap(await fetch(`/api/images/${image}/maps/${number}?${new URLSearchParams({ channel })}`));

// Wraps a question so that one is asked at a time, and of those that come meanwhile the last one next.
export function latest(ask, tell, fail) {
  let busy = false;
  let next = null;
  return async function put(...question) {
    if (busy) {
      next = question;
      return;
    }
    busy = true;
    try {
      tell(await ask(...question), ...question);
    } catch (error) {
      fail(error);
    }
    busy = false;
    if (next !== null) {
      const waiting = next;
      next = null;
      put(...waiting);
    }
  };
}
