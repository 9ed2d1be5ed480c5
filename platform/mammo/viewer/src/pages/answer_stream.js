// An answer that is being written (data-stream): what is new of it is added as it comes. When the connection is lost the
// browser asks again from where it is; nothing is written anew. At its end the page is read once more.

export function followAnswers() {
  for (const place of document.querySelectorAll("[data-stream]")) follow(place);
}

function follow(place) {
  const source = new EventSource(`${place.dataset.stream}?from=${[...place.textContent].length}`);
  let began = place.textContent !== "";
  if (!began) place.textContent = place.dataset.loading;
  source.addEventListener("text", (event) => {
    if (!began) place.textContent = "";
    began = true;
    place.append(JSON.parse(event.data));
  });
  source.addEventListener("end", () => {
    source.close();
    window.location.reload();
  });
}
