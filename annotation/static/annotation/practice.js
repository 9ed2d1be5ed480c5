// The clock of an example of the practice set; where all are done there is no form.
import { countActiveSeconds } from "./work.js";

const form = document.getElementById("practice");
if (form) countActiveSeconds(form);
