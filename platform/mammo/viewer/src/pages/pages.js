// What every page of the platform needs in the browser beside htmx and Bootstrap. No page depends on it to be
// read; forms that are sent by htmx depend on it to say when something was not saved.
import { watchAnswers } from "./answers.js";
import { watchForms } from "./forms.js";
import { watchSaves } from "./saves.js";
import { gateForms } from "./viewer_gate.js";
import { enableWorklists } from "./worklist.js";

watchAnswers();
watchSaves();
watchForms();
gateForms();
enableWorklists();
