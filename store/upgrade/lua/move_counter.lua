-- Raises a counter to what it was under its old name. Returns whether there was one.
local old = KEYS[1]
local new = KEYS[2]

local last = redis.call('GET', old)
if not last then return 0 end
if tonumber(redis.call('GET', new) or 0) < tonumber(last) then redis.call('SET', new, last) end
redis.call('DEL', old)
return 1
