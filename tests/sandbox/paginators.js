// Runs every paginator of the AWS SDK for JavaScript that the inputs on stdin name, and prints
// {name: {items, pages} or {error}}. The environment leads it to the sandbox.
const packages = ["identitystore", "sso-admin"].map((name) => require(`@aws-sdk/client-${name}`));
const inputs = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const PREFIX = "paginate";

async function read(sdk, name, input) {
  const client = new sdk[Object.keys(sdk).find((key) => /^[A-Za-z]+Client$/.test(key))]({});
  const items = [];
  let pages = 0;
  try {
    for await (const page of sdk[PREFIX + name]({ client, pageSize: 7 }, input)) {
      pages += 1;
      items.push(...Object.values(page).filter(Array.isArray).flat());
    }
    return { items, pages };
  } catch (error) {
    return { error: error.name };
  } finally {
    client.destroy();
  }
}

async function main() {
  const results = {};
  for (const sdk of packages) {
    for (const key of Object.keys(sdk).filter((key) => key.startsWith(PREFIX))) {
      const name = key.slice(PREFIX.length);
      results[name] = name in inputs ? await read(sdk, name, inputs[name]) : { error: "no input" };
    }
  }
  console.log(JSON.stringify(results));
}

main();
