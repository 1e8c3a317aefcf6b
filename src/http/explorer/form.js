// A form for the parameters of a procedure.

import { check } from "./check.js";
import { createControl } from "./control.js";
import { el } from "./dom.js";

/** The fields of `params`. `onChange` is called after each change of a value. */
export function createForm(params, registry, { onChange = () => {}, plain = false } = {}) {
  const controls = params.map((param) => createControl(param, registry, { plain }));
  const node = el(
    "div",
    { class: "fields" },
    controls.map((control) => control.node),
  );
  // While the user types, errors are updated and removed, but no new ones are shown.
  const recheck = () => {
    const { issues } = read();
    for (const control of controls.filter((control) => control.element.hasAttribute("aria-invalid"))) {
      control.show(issues.find((issue) => issue.path === control.name)?.message ?? null);
    }
    onChange();
  };
  node.addEventListener("input", recheck);
  node.addEventListener("change", recheck);

  function read() {
    const value = {};
    const unreadable = [];
    for (const control of controls) {
      const { value: given, problem } = control.read();
      if (problem) unreadable.push({ path: control.name, message: problem });
      else if (given !== undefined) value[control.name] = given;
    }
    const known = new Set(unreadable.map((issue) => issue.path));
    const others = check(params, value, registry).filter((issue) => !known.has(issue.path));
    return { value, issues: [...unreadable, ...others] };
  }

  return {
    node,
    isEmpty: controls.length === 0,
    /** The values, and what is wrong with them. */
    read,
    fill(input) {
      for (const control of controls) {
        control.fill(input[control.name]);
        control.show(null);
      }
      onChange();
    },
    /** Marks invalid fields, moves the focus to the first one, and returns the issues that belong to no field. */
    show(issues) {
      for (const control of controls) {
        const own = issues.filter((issue) => issue.path.split(".")[0] === control.name);
        control.show(own.length > 0 ? own.map((issue) => issue.message).join("; ") : null);
      }
      controls.find((control) => control.element.hasAttribute("aria-invalid"))?.element.focus();
      return issues.filter((issue) => !controls.some((control) => control.name === issue.path.split(".")[0]));
    },
  };
}
