// Shows the schema with the bundled Swagger UI; no script and no style stands in the page itself.
"use strict";

const place = document.getElementById("operations");

function cookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

window.SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null, // nothing is sent anywhere else
  requestInterceptor: (request) => {
    if (request.method && !["GET", "HEAD"].includes(request.method.toUpperCase())) {
      request.headers["X-CSRFToken"] = cookie(place.dataset.csrfCookie);
    }
    return request;
  },
});
