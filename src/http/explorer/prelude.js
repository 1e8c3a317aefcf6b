// The page's first script.

import { sendAhead } from "./ahead.js";

sendAhead();
