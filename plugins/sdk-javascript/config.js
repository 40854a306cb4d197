// Configuration: checked against the rule's JSON Schema, with its defaults filled in.
//
// The gate checks a configuration against the whole of JSON Schema before a policy takes effect; here are the keywords
// that rules use every day, so that a mistake comes with its key, as the other SDKs have it.

/** The schema as the gate is given it: tables are closed unless they say otherwise. */
export function published(schema) {
  return { $schema: "https://json-schema.org/draft/2020-12/schema", ...closed({ type: "object", ...schema }) };
}

function closed(schema) {
  if (schema === null || typeof schema !== "object") {
    return schema;
  }
  if (Array.isArray(schema)) {
    return schema.map(closed);
  }
  const copy = { ...schema };
  for (const keyword of ["items", "additionalProperties", "anyOf", "oneOf", "allOf", "not"]) {
    if (keyword in copy) {
      copy[keyword] = closed(copy[keyword]);
    }
  }
  for (const keyword of ["properties", "patternProperties", "$defs"]) {
    if (keyword in copy) {
      copy[keyword] = Object.fromEntries(Object.entries(copy[keyword]).map(([name, inner]) => [name, closed(inner)]));
    }
  }
  if ((copy.type === "object" || copy.properties) && !("additionalProperties" in copy) && !copy.patternProperties) {
    copy.additionalProperties = false;
  }
  return copy;
}

/** Reads a configuration: `{ config, mistakes }`, each mistake with its key, such as `sources[0].root`. */
export function parse(schema, json) {
  let config;
  try {
    config = JSON.parse(json);
  } catch (error) {
    return { config: null, mistakes: [`not a JSON document: ${error.message}`] };
  }
  const mistakes = [];
  config = read(published(schema), config, "", mistakes);
  return { config, mistakes };
}

function read(schema, value, path, mistakes) {
  if (typeof schema !== "object" || schema === null) {
    return value;
  }
  const wrong = (what) => mistakes.push(path ? `${path}: ${what}` : what);
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (types.length > 0 && !types.some((type) => isOf(type, value))) {
    wrong(`must be ${types.map((type) => NAMES[type] ?? type).join(" or ")}, and is ${shown(value)}`);
    return value;
  }
  if (schema.enum && !schema.enum.some((one) => JSON.stringify(one) === JSON.stringify(value))) {
    wrong(`must be one of ${schema.enum.map(shown).join(", ")}, and is ${shown(value)}`);
  }
  if ("const" in schema && JSON.stringify(schema.const) !== JSON.stringify(value)) {
    wrong(`must be ${shown(schema.const)}, and is ${shown(value)}`);
  }
  if (typeof value === "number") {
    checkRange(value, schema.minimum, schema.maximum, "", wrong);
  } else if (typeof value === "string") {
    checkRange([...value].length, schema.minLength, schema.maxLength, " letters", wrong);
    if (schema.pattern !== undefined && !new RegExp(schema.pattern, "u").test(value)) {
      wrong(`must have the form ${shown(schema.pattern)}, and is ${shown(value)}`);
    }
    if (schema.format === "regex") {
      try {
        new RegExp(value, "u");
      } catch (error) {
        wrong(`${shown(value)} is no regular expression: ${error.message}`);
      }
    }
  } else if (Array.isArray(value)) {
    checkRange(value.length, schema.minItems, schema.maxItems, " entries", wrong);
    return value.map((item, index) => read(schema.items, item, `${path}[${index}]`, mistakes));
  } else if (value !== null && typeof value === "object") {
    return readTable(schema, value, path, mistakes);
  }
  return value;
}

function readTable(schema, value, path, mistakes) {
  const properties = schema.properties ?? {};
  const table = {};
  for (const [name, inner] of Object.entries(properties)) {
    if (!Object.hasOwn(value, name) && inner.default !== undefined) {
      table[name] = structured(inner.default);
    }
  }
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value, name)) {
      mistakes.push(`${join(path, name)}: is missing`);
    }
  }
  for (const [name, item] of Object.entries(value)) {
    if (Object.hasOwn(properties, name)) {
      table[name] = read(properties[name], item, join(path, name), mistakes);
    } else if (schema.additionalProperties === false) {
      mistakes.push(`${join(path, name)}: there is no such key`);
    } else {
      table[name] = read(schema.additionalProperties, item, join(path, name), mistakes);
    }
  }
  return table;
}

const NAMES = {
  object: "a table of keys",
  array: "a list",
  string: "a text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  null: "null",
};

function isOf(type, value) {
  switch (type) {
    case "object":
      return value !== null && typeof value === "object" && !Array.isArray(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "null":
      return value === null;
    default:
      return typeof value === type;
  }
}

function checkRange(value, least, most, unit, wrong) {
  if (least !== undefined && value < least) {
    wrong(`must be at least ${least}${unit}, and is ${value}`);
  }
  if (most !== undefined && value > most) {
    wrong(`must be at most ${most}${unit}, and is ${value}`);
  }
}

function structured(value) {
  return JSON.parse(JSON.stringify(value));
}

function join(path, key) {
  return path ? `${path}.${key}` : key;
}

function shown(value) {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
