// Keeps a list of somebody's tokens or sessions current: admins are told of changes, and everybody looks again while the page is seen,
// because a use is not announced.

import { concernedUsers } from "./events.js";
import { renewWhileSeen } from "./renewal.js";
import { watch } from "./rpc.js";
import { session } from "./session.js";

/**
 * Renews `list`, whose items are the `entity` of the audit log that belong to the user `owner()`. What may have changed can't be acted on
 * until it is read again. Returns a function that stops it.
 */
export function keepCurrent(list, entity, owner) {
  const stopRenewal = renewWhileSeen(() => list.refresh());
  const watching = session.isAdmin ? watch("admin.watchAudit", {}, { onEvent: see }) : { stop() {} };

  function see({ type, entry }) {
    // Something may have changed since the list was read, or while events were lost.
    if (type !== "recorded") return list.refresh();
    const isAbout = entry.entity === entity || entry.entity === "user";
    if (!isAbout || !concernedUsers(entry).has(owner())) return;
    const isOne = entry.entity === entity && list.get(Number(entry.entityId)) !== undefined;
    for (const item of isOne ? [list.get(Number(entry.entityId))] : list.items()) list.hold(item);
    list.refresh();
  }

  return () => {
    stopRenewal();
    watching.stop();
    list.stop();
  };
}
