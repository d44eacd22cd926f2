-- Starts the next run of a lane: of the client whose turn it is, the run that was submitted first. The client's next turn
-- is then after those of all others that wait. KEYS and the shared arguments are those of a record without an id and with
-- the run 0. Before this file, store/runs/scripts.py defines the function `start`, whose text is start.lua, and the
-- places of keys and arguments. Returns {id, run, attempt, request, about,
-- created_at, started_at}; an empty table if no run waits; {''} if as many as looked at once are over, and more may wait.
local turns = KEYS[waiting_at] .. ':' .. ARGV[lane_at]

local function delete_unless_sorted(key)
  local found = redis.call('TYPE', key).ok
  if found ~= 'zset' and found ~= 'none' then redis.call('DEL', key) end
end

-- Returns the keys and the arguments of start.lua for a run.
local function of_run(id, run)
  local keys = {unpack(KEYS)}
  for _, at in ipairs(by_id) do keys[at] = KEYS[at] .. id end
  keys[lease_at] = KEYS[lease_at]:sub(1, -3) .. id .. ':' .. run
  local arguments = {unpack(ARGV, 1, shared_arguments)}
  arguments[1] = id
  for _, each in ipairs({run, ARGV[lane_at + 1], ARGV[lane_at + 2]}) do arguments[#arguments + 1] = each end
  return keys, arguments
end

-- Takes the first waiting run of a client, and puts the client at the end of the turns.
local function take_of(client)
  local own = turns .. ':' .. client
  delete_unless_sorted(own)
  local first = redis.call('ZRANGE', own, 0, 0, 'WITHSCORES')
  if first[1] then redis.call('ZREM', own, first[1]) end
  if redis.call('EXISTS', own) == 0 then
    redis.call('ZREM', turns, client)
  else
    redis.call('ZADD', turns, redis.call('ZRANGE', turns, -1, -1, 'WITHSCORES')[2] + 1, client)
  end
  return first[1], first[2]
end

delete_unless_sorted(turns)
-- Redis does nothing else meanwhile. A worker of an earlier release leaves the runs that it has ended among those that wait.
for _ = 1, looked_at_once do
  local client = redis.call('ZRANGE', turns, 0, 0)[1]
  if not client then return {} end
  local id, run = take_of(client)
  -- A run that is over, or that another worker holds, starts no attempt: then the next one is looked at.
  local keys, arguments = of_run(id or '', run or '0')
  local attempt = id and start(keys, arguments) or 0
  if attempt > 0 then
    local about, created, started = unpack(redis.call('HMGET', keys[record_at], 'about', 'created_at', 'started_at'))
    return {id, run, attempt, redis.call('GET', keys[request_at]), about, created, started}
  end
end
return {''}
