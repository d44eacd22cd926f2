-- Records several requests as queued, all or none. Each is recorded by submit.lua, whose text is the function `submit`
-- here. Before this file, store/runs/scripts.py says how many keys and arguments one request has, and where among them
-- `active`, `most_active` and `trial` are. Returns a table: for each request what submit.lua returns. If one of these
-- numbers is 0 or -1, nothing was recorded.
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

-- All requests have the same set of active records, and the same limit.
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
return submit_each('0', '1e15')
