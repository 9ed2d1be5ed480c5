// What every page of the platform needs in the browser beside htmx and Bootstrap. No page depends on it to be
// read; forms that are sent by htmx depend on it to say when something was not saved.
import { followAnswers } from "./answer_stream.js";
import { watchAnswers } from "./answers.js";
import { watchTime } from "./busy.js";
import { watchForms } from "./forms.js";
import { enableKeys } from "./keys.js";
import { watchNews } from "./live.js";
import { watchEnd } from "./session_end.js";
import { watchSession } from "./sign_in_again.js";
import { watchSaves } from "./saves.js";
import { gateForms } from "./viewer_gate.js";
import { enableWorklists } from "./worklist.js";

watchSession();
watchEnd();
watchAnswers();
watchSaves();
watchForms();
gateForms();
enableWorklists();
enableKeys();
watchTime();
watchNews();
followAnswers();
