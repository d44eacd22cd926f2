-- Records several requests as queued, all or none. Each is recorded by submit.lua, whose text is the function `submit`
-- here. Before this file, store/runs/scripts.py says how many keys and arguments one request has, and where among them
-- `active`, `most_active` and the like are. Returns a table: for each request what submit.lua returns; -2 instead of 0 if
-- the client would have more than `most_of_client` active records. If one of the numbers is 0 or less, nothing was recorded.
-- Where memory is full, Redis refuses a command that needs some only if the script has written nothing yet. This one
-- changes nothing; that the key holds something else is seen to later.
local room = redis.pcall('SETRANGE', KEYS[last_run_at], 0, '')
if type(room) == 'table' and room.err and room.err:find('OOM') then return room end

local number = #KEYS / keys_each

-- Returns the part of a list that belongs to one request.
local function part(list, request, each)
  local found = {}
  for i = 1, each do found[i] = list[(request - 1) * each + i] end
  return found
end

local function submit_each(trial, most_active)
  local runs = {}
  for request = 1, number do
    local arguments = part(ARGV, request, arguments_each)
    arguments[trial_at] = trial
    arguments[most_active_at] = most_active
    runs[request] = submit(part(KEYS, request, keys_each), arguments)
  end
  return runs
end

-- Returns how many active records a client has. Programs of an earlier release end runs without counting them here, so
-- those that are not active any more are removed before a client is refused.
local function active_of(client, active, more, most)
  local own = active .. ':' .. client
  local kind = redis.call('TYPE', own).ok
  if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', own) end
  if redis.call('ZCARD', own) + more > most then
    for _, id in ipairs(redis.call('ZRANGE', own, 0, -1)) do
      if not redis.call('ZSCORE', active, id) then redis.call('ZREM', own, id) end
    end
  end
  return redis.call('ZCARD', own)
end

-- All requests have the same set of active records, the same client, and the same limits.
local active = KEYS[active_at]
local most_active = tonumber(ARGV[most_active_at])
local found = submit_each('1', '0')
local places = 0
for request = 1, number do
  if found[request] == 0 then places = places + 1 end
  -- Its result may be gone, so that it takes a place after all: the caller finds out.
  if found[request] < 0 then return found end
end
if places > 0 and redis.call('ZCARD', active) + places > most_active then return found end
local client = ARGV[client_at]
local most_of_client = tonumber(ARGV[most_of_client_at])
if places > 0 and client ~= '' and active_of(client, active, places, most_of_client) + places > most_of_client then
  for request = 1, number do
    if found[request] == 0 then found[request] = -2 end
  end
  return found
end
return submit_each('0', '1e15')
