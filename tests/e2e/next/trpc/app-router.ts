export type * from "../../../../clients/app-router";
