-- Requests of one kind, each with a random number in place of "{n}"; the result is one line of JSON.
-- Arguments: method, path, how many numbers there are, and the body (or nothing).

local method, path, numbers, body

local function numbered(text)
  return (text:gsub("{n}", string.format("%06d", math.random(numbers))))
end

function init(arguments)
  method, path, numbers, body = arguments[1], arguments[2], tonumber(arguments[3]), arguments[4]
  math.randomseed(os.time())
end

function request()
  return wrk.format(method, numbered(path), nil, body and numbered(body))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
