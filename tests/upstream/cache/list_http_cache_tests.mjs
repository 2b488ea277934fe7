// Prints the kind of each test of http-cache-tests and the request headers they use, as JSON.
const { default: suites } = await import(process.argv[2])
const headers = new Set(['req-num', 'test-id', 'test-name', 'origin', 'referer'])
const tests = {}
for (const suite of suites) {
  for (const test of suite.tests) {
    tests[test.id] = { kind: test.kind || 'required', browser: !!test.browser_only }
    for (const request of test.requests) {
      for (const [name] of request.request_headers || []) headers.add(name.toLowerCase())
    }
  }
}
console.log(JSON.stringify({ tests, headers: [...headers] }))
