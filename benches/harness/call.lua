-- What wrk sends, and how it reads the answers. Arguments: the number of threads, read|check|churn, jsonrpc|trpc, a file with the
-- token of a user on each line, and but for `churn` the HTTP method, the path and the body. Each thread has its own users.

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

-- Answers that are not a success.
failed = 0

local churn, wire = false, nil
local tokens, requests, at = {}, {}, 0

local function http(method, path, token, body, id)
  local headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
  if id then headers["X-Request-Id"] = id end
  return wrk.format(method, path, headers, body)
end

function init(args)
  local count = tonumber(args[1])
  churn, wire = args[2] == "churn", args[3]
  local method, path, body = args[5], args[6], args[7]
  local line = 0
  for token in io.lines(args[4]) do
    if line % count == number then
      table.insert(tokens, token)
      if not churn then table.insert(requests, http(method, path, token, body ~= "" and body or nil)) end
    end
    line = line + 1
  end
  -- Reading answers costs wrk a tenth of its throughput, so `read` looks at their status only.
  if churn then request, response = next_step, read_step elseif args[2] == "check" then response = check end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function check(status, _, body)
  if status ~= 200 or body:find('"error":', 1, true) then failed = failed + 1 end
end

-- Each connection has another user, who creates a cluster and then deletes it. wrk does not say to which connection an
-- answer belongs, so the request's id says whose it is.
local ready, cluster, fresh = {}, {}, 0

local function step(user)
  local id, of = "u" .. user, cluster[user]
  if wire == "trpc" then
    local body = of and '{"json":{"id":' .. of .. "}}" or '{"json":{"name":"bench","location":"eu-central"}}'
    return http("POST", of and "/trpc/k8s.deleteCluster" or "/trpc/k8s.createCluster", tokens[user], body, id)
  end
  local call = of and '"k8s.delete","params":{"id":' .. of .. "}}"
    or '"k8s.create","params":{"name":"bench","location":"eu-central"}}'
  return http("POST", "/", tokens[user], '{"jsonrpc":"2.0","id":"' .. id .. '","method":' .. call)
end

function next_step()
  local user = table.remove(ready, 1)
  if not user then
    fresh = fresh % #tokens + 1
    user = fresh
  end
  return step(user)
end

function read_step(status, headers, body)
  local id = wire == "trpc" and headers["x-request-id"] or body:match('"id":"(u%d+)"')
  local user = id and tonumber(id:sub(2))
  local is_success = status == 200 and user and not body:find('"error":', 1, true)
  if not is_success then
    failed = failed + 1
  elseif cluster[user] then
    cluster[user] = nil
  else
    cluster[user] = body:match('"id":(%d+)')
  end
  if user then table.insert(ready, user) end
end

function done(summary, latency, _)
  local answers = 0
  for _, thread in ipairs(threads) do answers = answers + thread:get("failed") end
  local errors = summary.errors
  io.write(string.format(
    '\nresult {"requests":%d,"us":%d,"failed":%d,"p50":%d,"p90":%d,"p99":%d,"p999":%d,"max":%d}\n',
    summary.requests, summary.duration,
    math.max(answers, errors.status) + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max
  ))
end
